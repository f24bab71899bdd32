import type { Queryable } from "./database.ts";

/** LangGraph's tables, touched only where its saver has no operation for it. */

export async function checkpointExists(
  db: Queryable,
  threadId: string,
  { checkpoint_ns = "", checkpoint_id }: { checkpoint_ns?: string; checkpoint_id: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    "select 1 from checkpoints where thread_id = $1 and checkpoint_ns = $2 and checkpoint_id = $3",
    [threadId, checkpoint_ns, checkpoint_id],
  );
  return rowCount === 1;
}

/** Deletes all state of a thread. */
export async function deleteCheckpointsOfThread(tx: Queryable, threadId: string): Promise<void> {
  await tx.query(
    `with blobs as (delete from checkpoint_blobs where thread_id = $1),
          writes as (delete from checkpoint_writes where thread_id = $1)
     delete from checkpoints where thread_id = $1`,
    [threadId],
  );
}

/**
 * Deletes the checkpoints that a run has made, so that the one before it is the latest again.
 * Blobs stay: a version of a channel may be shared with checkpoints that are kept.
 */
export async function deleteCheckpointsOfRun(tx: Queryable, threadId: string, runId: string): Promise<void> {
  await tx.query(
    `with made as (
       delete from checkpoints where thread_id = $1 and metadata ->> 'run_id' = $2
       returning checkpoint_ns, checkpoint_id)
     delete from checkpoint_writes writes
      using made
      where writes.thread_id = $1
        and writes.checkpoint_ns = made.checkpoint_ns
        and writes.checkpoint_id = made.checkpoint_id`,
    [threadId, runId],
  );
}
