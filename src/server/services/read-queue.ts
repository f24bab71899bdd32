import type { Database } from "../persistence/database.ts";
import { type QueueState, readQueueState } from "../persistence/queue-state.ts";
import type { QueueCounters, QueueEvents } from "./queue-events.ts";

interface Deps {
  readonly db: Database;
  readonly queueCounters: QueueCounters;
}

/** The queue as all servers see it, and what this process has done with it. */
export async function readQueue({ db, queueCounters }: Deps): Promise<QueueState & QueueEvents> {
  return { ...(await readQueueState(db)), ...queueCounters.read() };
}
