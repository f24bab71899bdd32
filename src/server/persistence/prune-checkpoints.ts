import type { Queryable } from "./database.ts";

/**
 * Deletes the history of a thread and keeps what its graph needs to go on:
 *
 * - the latest checkpoint, and that of each subgraph which it waits for or which remembers for itself. A
 *   subgraph's checkpoint names the checkpoint of the graph around it that it belongs to; the namespace of
 *   one that remembers has no ids of tasks;
 * - of a channel that stores only its changes, the checkpoints back to the one that has it as a whole.
 *   LangGraph counts in the metadata how far away that is, for each such channel;
 * - the values and pending writes of all of these.
 *
 * The first checkpoint that is left has no parent any more.
 */
export async function deleteCheckpointHistory(tx: Queryable, threadId: string): Promise<void> {
  await tx.query(
    `with recursive
     latest as (
       select distinct on (checkpoint_ns) checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata
         from checkpoints
        where thread_id = $1
        order by checkpoint_ns, checkpoint_id desc),
     kept as (
       select checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint,
              case when jsonb_typeof(metadata -> 'counters_since_delta_snapshot') = 'object'
                then array(select jsonb_object_keys(metadata -> 'counters_since_delta_snapshot'))
                else '{}' end as partial_channels
         from latest
        where checkpoint_ns not like '%:%'
           or metadata -> 'parents' ->> '' = (select checkpoint_id from latest where checkpoint_ns = '')
       union all
       select parent.checkpoint_ns, parent.checkpoint_id, parent.parent_checkpoint_id, parent.checkpoint,
              array(
                select partial.channel
                  from unnest(kept.partial_channels) as partial(channel)
                 where not exists (
                         select 1 from checkpoint_blobs blobs
                          where blobs.thread_id = $1
                            and blobs.checkpoint_ns = parent.checkpoint_ns
                            and blobs.channel = partial.channel
                            and blobs.version = parent.checkpoint -> 'channel_versions' ->> partial.channel
                            and blobs.type <> 'empty'))
         from kept
         join checkpoints parent
           on parent.thread_id = $1
          and parent.checkpoint_ns = kept.checkpoint_ns
          and parent.checkpoint_id = kept.parent_checkpoint_id
        where kept.partial_channels <> '{}'),
     roots as (
       update checkpoints
          set parent_checkpoint_id = null
        where thread_id = $1
          and exists (select 1 from kept where kept.checkpoint_ns = checkpoints.checkpoint_ns
                                           and kept.checkpoint_id = checkpoints.checkpoint_id)
          and not exists (select 1 from kept where kept.checkpoint_ns = checkpoints.checkpoint_ns
                                               and kept.checkpoint_id = checkpoints.parent_checkpoint_id)),
     blobs as (
       delete from checkpoint_blobs blobs
        where thread_id = $1
          and not exists (
                select 1 from kept
                 where kept.checkpoint_ns = blobs.checkpoint_ns
                   and kept.checkpoint -> 'channel_versions' ->> blobs.channel = blobs.version)),
     writes as (
       delete from checkpoint_writes writes
        where thread_id = $1
          and not exists (select 1 from kept where kept.checkpoint_ns = writes.checkpoint_ns
                                               and kept.checkpoint_id = writes.checkpoint_id))
     delete from checkpoints
      where thread_id = $1
        and not exists (select 1 from kept where kept.checkpoint_ns = checkpoints.checkpoint_ns
                                             and kept.checkpoint_id = checkpoints.checkpoint_id)`,
    [threadId],
  );
}
