import { deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database } from "../../persistence/database.ts";
import { deleteIdleThread, listLeftEphemeralThreads } from "../../persistence/ephemeral-threads.ts";

interface Deps {
  readonly db: Database;
}

/** More in one transaction would hold its locks for long. */
const BATCH = 100;

/**
 * Deletes the threads of stateless runs that are still there although their run is over or gone, as after the
 * deletion of its assistant. Several servers may do this at the same time.
 *
 * @param options.olderThanMs age from which on a thread counts as left behind
 * @returns how many were deleted
 */
export async function sweepEphemeralThreads(
  { db }: Deps,
  { olderThanMs }: { readonly olderThanMs: number },
): Promise<number> {
  let swept = 0;
  for (;;) {
    const batch = await db.transaction(async (tx) => {
      const threads = await listLeftEphemeralThreads(tx, { olderThanMs, limit: BATCH });
      for (const threadId of threads) {
        // A client may have put a run on it just before it was locked.
        if (await deleteIdleThread(tx, threadId)) await deleteCheckpointsOfThread(tx, threadId);
      }
      return threads.length;
    });
    swept += batch;
    if (batch < BATCH) return swept;
  }
}
