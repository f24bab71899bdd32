import type { Queryable } from "./database.ts";

/** Makes the thread of a stateless run, to be deleted with it; it is in no list. */
export async function insertEphemeralThread(tx: Queryable, owner: string, threadId: string): Promise<void> {
  await tx.query({
    name: "insert_ephemeral_thread",
    text: "insert into threads (thread_id, owner, ephemeral) values ($1, $2, true)",
    values: [threadId, owner],
  });
}

/**
 * Threads that were made for one run and outlived it, whoever owns them, each locked until the transaction ends.
 * A thread that someone else has locked is left to them.
 *
 * @param olderThanMs age that a thread must have
 */
export async function listLeftEphemeralThreads(
  tx: Queryable,
  { olderThanMs, limit }: { readonly olderThanMs: number; readonly limit: number },
): Promise<string[]> {
  const { rows } = await tx.query<{ thread_id: string }>(
    `select thread_id
       from threads
      where ephemeral
        and created_at < now() - $1 * interval '1 millisecond'
        and not exists (
              select 1 from runs
               where runs.thread_id = threads.thread_id and runs.status in ('pending', 'running'))
      order by created_at
      limit $2
        for update skip locked`,
    [olderThanMs, limit],
  );
  return rows.map(({ thread_id }) => thread_id);
}

/**
 * Deletes a thread unless a run is still to come or under way on it.
 * @returns whether it is gone
 */
export async function deleteIdleThread(tx: Queryable, threadId: string): Promise<boolean> {
  const { rowCount } = await tx.query(
    `delete from threads
      where thread_id = $1
        and not exists (select 1 from runs where runs.thread_id = $1 and runs.status in ('pending', 'running'))`,
    [threadId],
  );
  return rowCount === 1;
}
