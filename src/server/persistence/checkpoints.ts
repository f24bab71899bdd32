import type { JsonObject } from "../domain/json.ts";
import type { Queryable } from "./database.ts";

/** LangGraph's tables, touched only where its saver has no operation for it. */

/** @returns the id of one that the thread does not have, or null when it has them all */
export async function findMissingCheckpoint(
  db: Queryable,
  threadId: string,
  checkpoints: readonly (readonly [namespace: string, id: string])[],
): Promise<string | null> {
  const { rows } = await db.query<{ checkpoint_id: string }>(
    `select wanted.checkpoint_id
       from unnest($2::text[], $3::text[]) as wanted(checkpoint_ns, checkpoint_id)
      where not exists (
              select 1 from checkpoints
               where checkpoints.thread_id = $1
                 and checkpoints.checkpoint_ns = wanted.checkpoint_ns
                 and checkpoints.checkpoint_id = wanted.checkpoint_id)
      limit 1`,
    [threadId, checkpoints.map(([namespace]) => namespace), checkpoints.map(([, id]) => id)],
  );
  return rows[0]?.checkpoint_id ?? null;
}

/** Whether a thread has a checkpoint that a run with this id has made. */
export async function hasCheckpointsOfRun(db: Queryable, threadId: string, runId: string): Promise<boolean> {
  const { rowCount } = await db.query(
    "select 1 from checkpoints where thread_id = $1 and metadata ->> 'run_id' = $2 limit 1",
    [threadId, runId],
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

/** Deletes what a run has written to a thread that was deleted under it. */
export async function deleteCheckpointsOfMissingThread(db: Queryable, threadId: string): Promise<void> {
  await db.query(
    `with thread as (
            select $1::text as id where not exists (select 1 from threads where thread_id = $1::text::uuid)),
          blobs as (delete from checkpoint_blobs using thread where thread_id = thread.id),
          writes as (delete from checkpoint_writes using thread where thread_id = thread.id)
     delete from checkpoints using thread where thread_id = thread.id`,
    [threadId],
  );
}

/** Deletes the checkpoints that a run has made, so that the one before it is the latest again. */
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
  // A statement of its own, that sees which checkpoints are left: they may share blobs with those deleted.
  await tx.query(
    `delete from checkpoint_blobs blobs
      where thread_id = $1
        and not exists (
              select 1 from checkpoints
               where checkpoints.thread_id = $1
                 and checkpoints.checkpoint_ns = blobs.checkpoint_ns
                 and checkpoints.checkpoint -> 'channel_versions' ->> blobs.channel = blobs.version)`,
    [threadId],
  );
}

/**
 * Copies all state of a thread to another, as it is at one moment, whatever is being written meanwhile:
 * a saver writes a checkpoint together with its values, and this is one statement.
 */
export async function copyCheckpoints(
  tx: Queryable,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await tx.query(
    `with blobs as (
            insert into checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
            select $2, checkpoint_ns, channel, version, type, blob
              from checkpoint_blobs where thread_id = $1),
          writes as (
            insert into checkpoint_writes
                   (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
            select $2, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob
              from checkpoint_writes where thread_id = $1)
     insert into checkpoints
            (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata)
     select $2, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint,
            case when metadata ? 'thread_id'
              then metadata || jsonb_build_object('thread_id', $2::text) else metadata end
       from checkpoints where thread_id = $1`,
    [from, to],
  );
}

/** Merges metadata into that of a thread's latest checkpoint. @returns whether there is one */
export async function updateLatestCheckpointMetadata(
  tx: Queryable,
  threadId: string,
  metadata: JsonObject,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `update checkpoints
        set metadata = metadata || $2
      where thread_id = $1 and checkpoint_ns = ''
        and checkpoint_id = (
              select max(checkpoint_id) from checkpoints where thread_id = $1 and checkpoint_ns = '')`,
    [threadId, metadata],
  );
  return rowCount === 1;
}
