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

const insertWrites = (replaces: string, onConflict: string): string => `
      insert into checkpoint_writes
             (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
      select $1, new.ns, new.checkpoint_id, new.task_id, new.task_path, new.idx, new.channel, new.type,
             substr($4::bytea, new.start, new.length)
        from unnest($18::text[], $19::text[], $20::text[], $21::text[], $22::int[], $23::text[], $24::text[],
                    $25::boolean[], $26::int[], $27::int[])
             as new(ns, checkpoint_id, task_id, task_path, idx, channel, type, replaces, start, length), fence
       where fence.holds and ${replaces}
          on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) ${onConflict}`;

/**
 * Writes checkpoints, values of channels and writes of tasks to a thread. Whatever is of some length is cut out of one
 * binary parameter, since a list of it would be sent and read as text; a value without a length is null.
 *
 * What an attempt of a run writes is taken as long as it has the run; without one, it is what a client writes. The lock
 * makes whoever takes the run over wait for a statement that has begun, and this one look again if it was late.
 */
export const WRITE_ROWS: Statement = {
  name: "write_rows",
  text: `
    with held as materialized (
      select from runs where run_id = $2 and attempt = $3 and status = 'running' for key share),
    fence as materialized (
      select $2::uuid is null or exists (select from held) as holds),
    new_values as (
      insert into checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
      select $1, new.ns, new.channel, new.version, new.type, substr($4::bytea, new.start, new.length)
        from unnest($12::text[], $13::text[], $14::text[], $15::text[], $16::int[], $17::int[])
             as new(ns, channel, version, type, start, length), fence
       where fence.holds
          on conflict (thread_id, checkpoint_ns, channel, version) do nothing),
    new_writes as (${insertWrites("not new.replaces", "do nothing")}),
    replaced_writes as (${insertWrites(
      "new.replaces",
      `do update
         set channel = excluded.channel, type = excluded.type, blob = excluded.blob, task_path = excluded.task_path`,
    )}),
    new_checkpoints as (
      insert into checkpoints
             (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
      select $1, new.ns, new.id, new.parent_id,
             convert_from(substr($4::bytea, new.start, new.length), 'UTF8')::jsonb,
             convert_from(substr($4::bytea, new.about_start, new.about_length), 'UTF8')::jsonb
        from unnest($5::text[], $6::text[], $7::text[], $8::int[], $9::int[], $10::int[], $11::int[])
             as new(ns, id, parent_id, start, length, about_start, about_length), fence
       where fence.holds
          on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
         set checkpoint = excluded.checkpoint, metadata = excluded.metadata)
    select holds from fence`,
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
