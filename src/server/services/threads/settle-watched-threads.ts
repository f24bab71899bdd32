import type { RunBus } from "../../bus/run-bus.ts";
import type { Database } from "../../persistence/database.ts";
import { listExistingThreads } from "../../persistence/threads.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
}

/** Ends the streams of threads that were deleted without this process doing it, or together with much else. */
export async function settleWatchedThreads({ db, bus }: Deps): Promise<void> {
  const watched = bus.watchedThreads();
  if (watched.length === 0) return;
  const existing = new Set(await listExistingThreads(db, watched));
  for (const threadId of watched) if (!existing.has(threadId)) bus.endThread(threadId);
}
