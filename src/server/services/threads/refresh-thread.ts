import { isJsonObject } from "../../domain/json.ts";
import type { Engine } from "../../engine/engine.ts";
import { interruptsByTask } from "../../engine/thread-state.ts";
import type { Database } from "../../persistence/database.ts";
import { findThreadGraph, updateIdleThreadOutcome } from "../../persistence/threads.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
}

/** Copies the latest state to the thread's row, after checkpoints were deleted. A busy thread is left to its run. */
export async function refreshThread({ db, engine }: Deps, threadId: string): Promise<void> {
  const thread = await findThreadGraph(db, threadId);
  if (thread === null || thread.graph_id === null) return;
  const { graph_id, configurable } = thread;
  const state = await engine.readThreadState(
    { graph_id, thread_id: threadId, configurable: isJsonObject(configurable) ? configurable : {} },
    { subgraphs: false },
  );
  await updateIdleThreadOutcome(db, threadId, {
    status: state.next.length > 0 ? "interrupted" : "idle",
    values: state.values,
    interrupts: interruptsByTask(state),
    error: null,
  });
}
