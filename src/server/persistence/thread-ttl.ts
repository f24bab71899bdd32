import type { NewThreadTtl, ThreadTtl } from "../domain/thread.ts";
import type { Queryable } from "./database.ts";

/** @returns null when the thread may live for ever */
export async function findThreadTtl(db: Queryable, threadId: string): Promise<ThreadTtl | null> {
  const { rows } = await db.query<ThreadTtl>({
    name: "find_thread_ttl",
    text: `select ttl_strategy as strategy, ttl_minutes, expires_at
       from threads where thread_id = $1 and expires_at is not null`,
    values: [threadId],
  });
  return rows[0] ?? null;
}

/** @param ttl counts from now; null lets the thread live for ever */
export async function updateThreadTtl(
  db: Queryable,
  threadId: string,
  ttl: NewThreadTtl | null,
): Promise<void> {
  await db.query(
    `update threads
        set ttl_strategy = $2, ttl_minutes = $3::float8, expires_at = now() + $3::float8 * interval '1 minute'
      where thread_id = $1`,
    [threadId, ttl?.strategy ?? null, ttl?.ttl_minutes ?? null],
  );
}
