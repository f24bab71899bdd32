import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import type { PruneStrategy } from "../../domain/thread.ts";
import type { Database } from "../../persistence/database.ts";
import { deleteCheckpointHistory } from "../../persistence/prune-checkpoints.ts";
import { findThreadForUpdate } from "../../persistence/threads.ts";
import type { WakeUps } from "../wake-ups.ts";
import { deleteThreadIfThere } from "./threads.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly wakeUps: WakeUps;
}

export interface ThreadPrune {
  readonly thread_ids: readonly string[];
  readonly strategy: PruneStrategy;
}

/**
 * Deletes threads, or their history up to the latest state. Passes over threads that are not there, and
 * keeps the history of a busy one, which a rollback of its run would go back to.
 *
 * @returns how many threads were pruned
 */
export async function pruneThreads(
  deps: Deps,
  caller: Caller,
  { thread_ids, strategy }: ThreadPrune,
): Promise<number> {
  const prune = strategy === "delete" ? deleteThreadIfThere : deleteHistory;
  let count = 0;
  // Each in a transaction of its own: many threads would be locked for a long time otherwise.
  for (const threadId of new Set(thread_ids)) {
    if (await prune(deps, caller, threadId)) count += 1;
  }
  return count;
}

const deleteHistory = ({ db }: Deps, caller: Caller, threadId: string): Promise<boolean> =>
  db.transaction(async (tx) => {
    const thread = await findThreadForUpdate(tx, caller.identity, threadId);
    if (thread === null || thread.status === "busy") return false;
    await deleteCheckpointHistory(tx, threadId);
    return true;
  });
