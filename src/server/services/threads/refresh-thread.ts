import type { ThreadState } from "../../domain/checkpoint.ts";
import type { CancelAction } from "../../domain/run.ts";
import type { Engine } from "../../engine/engine.ts";
import { interruptsByTask, type ThreadGraph } from "../../engine/thread-state.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import { findThreadGraph, updateIdleThreadOutcome, updateThreadOutcome } from "../../persistence/threads.ts";
import { toThreadGraph } from "./to-thread-graph.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
}

/**
 * Copies the latest state to the row of a thread after a run that did not leave its outcome there: a thread whose
 * run was rolled back is again what it was before it; one whose run was interrupted is idle, although it has
 * a next step, unless it asked something. A busy thread is left to its run.
 */
export async function refreshThread(
  { db, engine }: Deps,
  threadId: string,
  action: CancelAction,
): Promise<void> {
  const thread = await findThreadGraph(db, null, threadId);
  const graph = thread === null ? null : toThreadGraph(threadId, thread);
  if (graph === null) return;
  const state = await engine.readThreadState(graph, { subgraphs: false });
  const isUndone = action === "rollback";
  const waits = state.interrupts.length > 0 || (isUndone && state.next.length > 0);
  await updateIdleThreadOutcome(
    db,
    threadId,
    {
      status: waits ? "interrupted" : "idle",
      values: state.checkpoint === null ? null : state.values,
      interrupts: interruptsByTask(state),
    },
    { keepsError: isUndone },
  );
}

/**
 * Leaves on the row of a thread what was just written to its state: a thread with a next step waits for a run.
 * @returns the state
 */
export async function writeLatestState(
  engine: Engine,
  tx: Queryable,
  graph: ThreadGraph,
): Promise<ThreadState> {
  const state = await engine.readThreadState(graph, { subgraphs: false });
  await updateThreadOutcome(tx, graph.thread_id, {
    status: state.next.length > 0 ? "interrupted" : "idle",
    values: state.values,
    interrupts: interruptsByTask(state),
    error: null,
  });
  return state;
}
