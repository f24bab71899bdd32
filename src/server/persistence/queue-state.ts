import { only, type Queryable } from "./database.ts";

export interface QueueState {
  /** Runs that are due and wait for a worker, or for the runs of their thread before them. */
  readonly pending: number;
  /** Runs whose time has not come yet. */
  readonly scheduled: number;
  readonly running: number;
  /** How long the oldest pending run has been due; null without any. */
  readonly oldest_pending_ms: number | null;
}

/** What the queue looks like at this moment, over all servers. */
export async function readQueueState(db: Queryable): Promise<QueueState> {
  const { rows } = await db.query<QueueState>(
    `select count(*) filter (where status = 'pending' and available_at <= now())::int as pending,
            count(*) filter (where status = 'pending' and available_at > now())::int as scheduled,
            count(*) filter (where status = 'running')::int as running,
            (extract(epoch from now() - min(available_at)
               filter (where status = 'pending' and available_at <= now())) * 1000)::float8 as oldest_pending_ms
       from runs
      where status in ('pending', 'running')`,
  );
  return only(rows);
}
