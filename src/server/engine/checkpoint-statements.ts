import { hash } from "node:crypto";

/**
 * The statements on LangGraph's tables. Each has a name, under which a connection has it parsed and planned once. So
 * that a plan made while tables were small is still one when they are not, what has a key is looked up by it:
 * `limit 1` and `offset 0` keep the planner from joining whole threads instead.
 */

interface Statement {
  readonly name: string;
  readonly text: string;
}

/**
 * What an attempt of a run writes is taken as long as it has the run. The lock makes whoever takes the run over wait
 * for a statement that has begun, and this one look again if it was late.
 */
const fence = (runId: string, attempt: string): string => `
    fence as materialized (
      select from runs where run_id = ${runId} and attempt = ${attempt} and status = 'running' for key share)`;

/** Null is no run: what a client writes. */
const holds = (runId: string): string => `(${runId}::uuid is null or exists (select from fence))`;

/** Asked when a statement has written nothing, which may also be because all of it was there already. */
export const FIND_ATTEMPT: Statement = {
  name: "find_attempt",
  text: "select from runs where run_id = $1 and attempt = $2 and status = 'running'",
};

/**
 * A checkpoint and its new values. Values are cut out of one binary parameter, since a list of them would be sent
 * and read as text; a value without a length is null.
 */
export const PUT_CHECKPOINT: Statement = {
  name: "put_checkpoint",
  text: `
    with ${fence("$13", "$14")},
    blobs as (
      insert into checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
      select $1, $2, new.channel, new.version, new.type, substr($8::bytea, new.start, new.length)
        from unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::int[])
             as new(channel, version, type, start, length)
       where ${holds("$13")}
          on conflict (thread_id, checkpoint_ns, channel, version) do nothing)
    insert into checkpoints
           (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    select $1, $2, $9, $10, $11::jsonb, $12::jsonb
     where ${holds("$13")}
        on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
       set checkpoint = excluded.checkpoint, metadata = excluded.metadata`,
};

const insertWrites = (onConflict: string): string => `
  with ${fence("$12", "$13")}
  insert into checkpoint_writes
         (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
  select $1, $2, $3, $4, $5, new.idx, new.channel, new.type, substr($11::bytea, new.start, new.length)
    from unnest($6::int[], $7::text[], $8::text[], $9::int[], $10::int[])
         as new(idx, channel, type, start, length)
   where ${holds("$12")}
      on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) ${onConflict}`;

/** Writes of a task, of which those that are there already stay. */
export const INSERT_WRITES: Statement = { name: "insert_writes", text: insertWrites("do nothing") };

/** Writes of a task, in place of those that are there already. */
export const UPSERT_WRITES: Statement = {
  name: "upsert_writes",
  text: insertWrites(`do update
     set channel = excluded.channel, type = excluded.type, blob = excluded.blob, task_path = excluded.task_path`),
};

/** One row of the answer: a checkpoint, one of its values, or one of its pending writes. */
export type CheckpointPart = { readonly position: string } & (
  | {
      readonly part: "checkpoint";
      readonly thread_id: string;
      readonly checkpoint_ns: string;
      readonly checkpoint_id: string;
      readonly parent_checkpoint_id: string | null;
      readonly checkpoint: object;
      /** JSON text, for the serializer to read as it reads values. */
      readonly metadata: string;
    }
  | ({ readonly part: "value" } & StoredValue)
  | ({ readonly part: "write" } & StoredWrite)
);

/** A value as it is read: JSON as text, since as binary it would arrive in hexadecimal digits, others as they are. */
export interface StoredValue {
  readonly channel: string;
  readonly type: string;
  readonly json: string | null;
  readonly blob: Uint8Array | null;
}

export interface StoredWrite extends StoredValue {
  readonly task_id: string;
  readonly task_path: string;
  readonly idx: number;
}

const columnsOf = (row: string): string => `${row}.channel, ${row}.type,
         case when ${row}.type = 'json' then convert_from(${row}.blob, 'UTF8') end as json,
         case when ${row}.type <> 'json' then ${row}.blob end as blob`;

/**
 * Checkpoints with all that belongs to them, each part a row of its own: as lists of binary values they would be
 * read character by character.
 *
 * @param page the end of a query for checkpoints, from `where` on, newest first
 */
const readCheckpoints = (page: string): string => `
  with page as (
         select thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata
           from checkpoints ${page}),
       found as (select row_number() over (order by checkpoint_id desc) as position, page.* from page)
  select position, 'checkpoint' as part, thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id,
         checkpoint, metadata::text as metadata, null as channel, null as type, null as json, null::bytea as blob,
         null as task_id, null as task_path, null::int as idx
    from found
   union all
  select position, 'value', null, null, null, null,
         null, null, ${columnsOf("blobs")},
         null, null, null
    from found
   cross join jsonb_each_text(found.checkpoint -> 'channel_versions') as versions(channel, version)
   cross join lateral (
         select channel, type, blob
           from checkpoint_blobs
          where thread_id = found.thread_id and checkpoint_ns = found.checkpoint_ns
            and channel = versions.channel and version = versions.version
          limit 1) blobs
   where blobs.type <> 'empty'
   union all
  select position, 'write', null, null, null, null,
         null, null, ${columnsOf("writes")},
         writes.task_id, writes.task_path, writes.idx
    from found
   cross join lateral (
         select * from checkpoint_writes
          where thread_id = found.thread_id and checkpoint_ns = found.checkpoint_ns
            and checkpoint_id = found.checkpoint_id
         offset 0) writes`;

export const READ_CHECKPOINT: Statement = {
  name: "read_checkpoint",
  text: readCheckpoints("where thread_id = $1 and checkpoint_ns = $2 and checkpoint_id = $3"),
};

export const READ_LATEST_CHECKPOINT: Statement = {
  name: "read_latest_checkpoint",
  text: readCheckpoints("where thread_id = $1 and checkpoint_ns = $2 order by checkpoint_id desc limit 1"),
};

/** @param page as above; there are but a few, of which each connection keeps its plan */
export const readPage = (page: string): Statement => ({
  name: `read_page_${hash("sha1", page)}`,
  text: readCheckpoints(page),
});

/** One row of the answer: the value that a channel had at an ancestor, or one that was written there. */
export interface DeltaPart extends StoredWrite {
  /** How many checkpoints ago. */
  readonly age: number;
  readonly part: "seed" | "write";
}

/**
 * What became of channels that store only their changes, since the ancestor that has each as a whole. The walk goes
 * on for the channels that are still `wanted`.
 */
const findAncestors = (target: string): string => `
  with recursive
    target as (
      select parent_checkpoint_id from checkpoints where thread_id = $1 and checkpoint_ns = $2 ${target}),
    ancestors as (
      select 1 as age, parent.*, $3::text[] as wanted
        from target
       cross join lateral (${oneCheckpoint("target.parent_checkpoint_id")}) parent
       union all
      select child.age + 1, parent.*, missing.channels
        from ancestors child
       cross join lateral (
             select array(
               select wanted.channel
                 from unnest(child.wanted) as wanted(channel)
                where (${oneValue("child", "1")}) is null) as channels
             offset 0) missing
       cross join lateral (${oneCheckpoint("child.parent_checkpoint_id")}) parent
       where missing.channels <> '{}')
  select ancestors.age, 'seed' as part, ${columnsOf("blobs")},
         null as task_id, null as task_path, null::int as idx
    from ancestors
   cross join unnest(ancestors.wanted) as wanted(channel)
   cross join lateral (${oneValue("ancestors", "channel, type, blob")}) blobs
   union all
  select ancestors.age, 'write', ${columnsOf("writes")},
         writes.task_id, writes.task_path, writes.idx
    from ancestors
   cross join lateral (
         select * from checkpoint_writes
          where thread_id = $1 and checkpoint_ns = $2 and checkpoint_id = ancestors.checkpoint_id
         offset 0) writes
   where writes.channel = any(ancestors.wanted)`;

const oneCheckpoint = (id: string): string => `
  select checkpoint_id, parent_checkpoint_id, checkpoint -> 'channel_versions' as versions
    from checkpoints
   where thread_id = $1 and checkpoint_ns = $2 and checkpoint_id = ${id}
   limit 1`;

const oneValue = (checkpoint: string, columns: string): string => `
  select ${columns}
    from checkpoint_blobs
   where thread_id = $1 and checkpoint_ns = $2 and channel = wanted.channel
     and version = ${checkpoint}.versions ->> wanted.channel
     and type <> 'empty'
   limit 1`;

export const READ_DELTAS: Statement = {
  name: "read_deltas",
  text: findAncestors("and checkpoint_id = $4"),
};

export const READ_LATEST_DELTAS: Statement = {
  name: "read_latest_deltas",
  text: findAncestors("order by checkpoint_id desc limit 1"),
};
