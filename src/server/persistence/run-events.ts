import type { RunEvent, RunResult } from "../domain/run.ts";
import type { NewThreadEntry, ThreadEntryId } from "../domain/thread-stream.ts";
import type { Queryable } from "./database.ts";

type Entry = NewThreadEntry & {
  readonly thread_id: string;
  readonly id: ThreadEntryId;
  readonly is_past: boolean;
};

interface Batch {
  readonly events: readonly (RunEvent & { readonly run_id: string })[];
  readonly ends: readonly {
    readonly run_id: string;
    readonly last_seq: number;
    readonly result: RunResult;
  }[];
  readonly entries: readonly Entry[];
}

/**
 * Adds events, ends of runs and entries of threads with one statement. What is there already stays as it is, so
 * that a batch can be sent again when it is not known what became of it.
 */
export async function appendRunEvents(db: Queryable, { events, ends, entries }: Batch): Promise<void> {
  await db.query(
    `with new_events as (
       insert into run_events (run_id, seq, event, data)
       select * from unnest($1::text[], $2::bigint[], $3::text[], $4::text[])
       on conflict do nothing),
     new_entries as (
       insert into thread_entries (thread_id, ms, n, kind, run_id, attempt, state, is_past)
       select * from unnest($8::text[], $9::bigint[], $10::int[], $11::text[], $12::text[], $13::int[], $14::text[],
                            $15::boolean[])
       on conflict do nothing)
     insert into run_ends (run_id, last_seq, result)
     select * from unnest($5::text[], $6::bigint[], $7::text[])
     on conflict (run_id) do update
       set last_seq = excluded.last_seq, result = excluded.result where run_ends.result is null`,
    [
      events.map(({ run_id }) => run_id),
      events.map(({ seq }) => seq),
      events.map(({ event }) => event),
      events.map(({ data }) => data),
      ends.map(({ run_id }) => run_id),
      ends.map(({ last_seq }) => last_seq),
      ends.map(({ result }) => JSON.stringify(result)),
      entries.map(({ thread_id }) => thread_id),
      entries.map(({ id }) => id.ms),
      entries.map(({ id }) => id.n),
      entries.map(({ kind }) => kind),
      entries.map((entry) => (entry.kind === "state_updated" ? null : entry.run_id)),
      entries.map((entry) => (entry.kind === "run_began" ? entry.attempt : null)),
      entries.map((entry) => (entry.kind === "state_updated" ? JSON.stringify(entry.state) : null)),
      entries.map(({ is_past }) => is_past),
    ],
  );
}

/** Events of a run after a number up to another one: at least one if there is one, and more up to so many bytes. */
export async function readRunEvents(
  db: Queryable,
  { run_id, after, upTo, maxBytes }: RunEventRange,
): Promise<readonly RunEvent[]> {
  const { rows } = await db.query<EventRow>(
    `select seq, event, data
       from (select seq, event, data, sum(octet_length(data)) over (order by seq) - octet_length(data) as before
               from (select seq, event, data from run_events
                      where run_id = $1 and seq > $2 and seq <= $3 order by seq limit $5) page) sized
      where before < $4
      order by seq`,
    [run_id, after, upTo, maxBytes, MAX_EVENTS],
  );
  return rows.map(toEvent);
}

export interface RunEventRange {
  readonly run_id: string;
  readonly after: number;
  readonly upTo: number;
  readonly maxBytes: number;
}

/** Most events of a run that are read at a time. */
const MAX_EVENTS = 1000;
/** About the most bytes of one run that are read at a time as its news. */
const MAX_NEWS_BYTES = 1024 * 1024;

/**
 * What is new of several runs, in one statement and so as of one moment: events, for those with a number, and how
 * they ended.
 */
export async function readRunNews(
  db: Queryable,
  wanted: readonly { readonly run_id: string; readonly after: number | null }[],
) {
  const { rows } = await db.query<{
    run_id: string;
    result: string | null;
    last_seq: string | null;
    events: EventRow[] | null;
    found: number;
  }>(
    `select wanted.run_id, run_ends.result, run_ends.last_seq, news.events, news.found
       from unnest($1::text[], $2::bigint[]) as wanted(run_id, after)
       left join run_ends on run_ends.run_id = wanted.run_id
       left join lateral (
         select json_agg(json_build_object('seq', seq, 'event', event, 'data', data) order by seq)
                  filter (where before < $4) as events,
                count(*)::int as found
           from (select seq, event, data,
                        sum(octet_length(data)) over (order by seq) - octet_length(data) as before
                   from (select seq, event, data from run_events
                          where run_events.run_id = wanted.run_id and seq > wanted.after
                          order by seq limit $3) page) sized) news on true
      where run_ends.result is not null or news.found > 0`,
    [wanted.map(({ run_id }) => run_id), wanted.map(({ after }) => after), MAX_EVENTS, MAX_NEWS_BYTES],
  );
  return rows.map(({ run_id, result, last_seq, events, found }) => ({
    run_id,
    events: (events ?? []).map(toEvent),
    isComplete: found < MAX_EVENTS && (events ?? []).length === found,
    end: result === null ? null : { result: JSON.parse(result) as RunResult, last_seq: Number(last_seq) },
  }));
}

/** Numbers of the last events; a run without any is not among them. */
export async function readLastSeqs(
  db: Queryable,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const { rows } = await db.query<{ run_id: string; seq: string }>(
    `select wanted.run_id, last.seq
       from unnest($1::text[]) as wanted(run_id)
      cross join lateral (
        select seq from run_events where run_events.run_id = wanted.run_id order by seq desc limit 1) last`,
    [runIds],
  );
  return new Map(rows.map(({ run_id, seq }) => [run_id, Number(seq)]));
}

/** How a run ended; null when that is not known, or no longer. */
export async function readRunEnd(db: Queryable, runId: string): Promise<RunResult | null> {
  const { rows } = await db.query<{ result: string | null }>(
    "select result from run_ends where run_id = $1",
    [runId],
  );
  return parseResult(rows[0]?.result ?? null);
}

/** What happened on threads, in order; with `recentMs` only what was added so recently. */
export async function readThreadEntries(
  db: Queryable,
  { thread_ids, recentMs }: { readonly thread_ids: readonly string[]; readonly recentMs: number | null },
): Promise<readonly Entry[]> {
  const { rows } = await db.query(
    `select thread_id, ms, n, kind, run_id, attempt, state, is_past
       from thread_entries
      where thread_id = any ($1::text[])
        and ($2::float8 is null or created_at > now() - $2 * interval '1 millisecond')
      order by ms, n`,
    [thread_ids, recentMs],
  );
  return rows.map(({ thread_id, ms, n, kind, run_id, attempt, state, is_past }) => ({
    thread_id,
    is_past,
    id: { ms: Number(ms), n },
    kind,
    ...(kind === "state_updated" ? { state: JSON.parse(state) } : { run_id }),
    ...(kind === "run_began" && { attempt }),
  }));
}

/** Deletes what belongs to runs that ended longer ago than this, and news of states that are older. */
export async function pruneRunEvents(db: Queryable, retentionMs: number): Promise<void> {
  // Nobody tells the end of a run that was deleted or given up: for those, time runs from now on.
  await db.query(
    `insert into run_ends (run_id, last_seq)
     select run_id, max(seq) from run_events
      where run_id not in (select run_id::text from runs where status in ('pending', 'running'))
        and run_id not in (select run_id from run_ends)
      group by run_id
     on conflict do nothing`,
  );
  await db.query(
    `with ended as (
       delete from run_ends where ended_at < now() - $1 * interval '1 millisecond' returning run_id),
     events as (delete from run_events where run_id in (select run_id from ended))
     delete from thread_entries
      where run_id in (select run_id from ended)
         or run_id is null and created_at < now() - $1 * interval '1 millisecond'`,
    [retentionMs],
  );
}

interface EventRow {
  /** As text from a row, as a number from JSON. */
  readonly seq: string | number;
  readonly event: string;
  readonly data: string;
}

const toEvent = ({ seq, event, data }: EventRow): RunEvent => ({ seq: Number(seq), event, data });

const parseResult = (json: string | null): RunResult | null =>
  json === null ? null : (JSON.parse(json) as RunResult);
