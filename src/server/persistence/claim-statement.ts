import { RUN } from "./runs.ts";

/**
 * How many runs a claim looks at beyond those that it takes, in the order of the queue. When all of them have to wait
 * for others of their thread, they are set aside.
 */
const SPARE = 64;

/**
 * Always true, and declared to cost so much that Postgres does it for as few rows as it can: it looks them up in an
 * index. A plan is made once and kept, and what is best for a table of sixty rows reads all of sixty thousand.
 */
const oneAtATime = (column: string): string => `one_at_a_time(${column})`;

/** Whether no run of the thread goes on, or comes before. Each is one look into an index. */
const isFirst = ({ thread_id, seq }: { readonly thread_id: string; readonly seq: string }): string => `(
           (select true from runs other
             where other.thread_id = ${thread_id} and other.status = 'running' and ${oneAtATime("other.thread_id")} limit 1) is null
       and (select true from runs other
             where other.thread_id = ${thread_id} and other.status = 'pending' and other.seq < ${seq}
               and other.available_at <= now() and ${oneAtATime("other.run_id")} limit 1) is null)`;

/** Written so that Postgres takes it for true of most runs, and walks along the queue instead of sorting all of it. */
const IS_DUE = "(available_at > now()) is not true";

/** For a run that is looked up by its id. Written in another way, an index of all pending runs might be taken for better. */
const STILL_PENDING = "coalesce(status, '') = 'pending'";

/**
 * However long the queue is, and however much of it waits behind one run, a claim touches so many rows: `foremost`, as
 * far as it has to walk, and one of each thread of which runs were set aside, which are older and so come first. Rows
 * are looked up in an index one at a time, because the plan for more would depend on what is known of the table, which
 * is never up to date.
 */
const toText = (limit: number, isOfGraph: string): string => `
  with recursive
    foremost as (
      (select 1 as place, seq, run_id, thread_id from runs
        where status = 'pending' and not set_aside and ${IS_DUE} ${isOfGraph}
        order by seq limit 1)
       union all
      select foremost.place + 1, following.*
        from foremost
       cross join lateral (
             select seq, run_id, thread_id from runs
              where status = 'pending' and not set_aside and ${IS_DUE} ${isOfGraph}
                and seq > foremost.seq
              order by seq limit 1) following
       where foremost.place < ${limit + SPARE}),
    crowded as (
      (select thread_id from runs where status = 'pending' and set_aside and ${oneAtATime("thread_id")}
        order by thread_id limit 1)
       union all
      select following.thread_id
        from crowded
       cross join lateral (
             select thread_id from runs
              where status = 'pending' and set_aside and thread_id > crowded.thread_id
                and ${oneAtATime("thread_id")}
              order by thread_id limit 1) following),
    heads as (
      select head.*
        from crowded
       cross join lateral (
             select seq, run_id, thread_id from runs
              where status = 'pending' and set_aside and thread_id = crowded.thread_id and available_at <= now()
                and ${oneAtATime("run_id")}
              order by seq limit 1) head
       order by head.seq),
    due as (
      select free.run_id
        from (select seq, run_id, thread_id from heads union all select seq, run_id, thread_id from foremost) one
       cross join lateral (
             select run_id from runs
              where run_id = one.run_id and ${STILL_PENDING} ${isOfGraph} and ${oneAtATime("run_id")}
                and ${isFirst({ thread_id: "one.thread_id", seq: "one.seq" })}
              limit 1 for update skip locked) free
       limit ${limit}),
    aside as (
      update runs set set_aside = true
       where run_id = any(array(
             select waiting.run_id
               from foremost
              cross join lateral (
                    select run_id from runs
                     where run_id = foremost.run_id and ${STILL_PENDING} and ${oneAtATime("run_id")}
                       and not ${isFirst({ thread_id: "foremost.thread_id", seq: "foremost.seq" })}
                     limit 1 for update skip locked) waiting
              where (select count(*) from due) < ${limit}
                and (select count(*) from foremost) = ${limit + SPARE}))
         and ${oneAtATime("run_id")}
      returning run_id),
    claimed as (
      update runs
         set status = 'running', set_aside = false, attempt = attempt + 1, claimed_by = $1,
             lease_expires_at = now() + $2 * interval '1 millisecond', updated_at = now(),
             claimed_at = now()
       where run_id = any(array(select run_id from due)) and ${oneAtATime("run_id")}
      returning ${RUN}, attempt, claimed_by as worker_id, delete_thread, cancel_requested)
  select claimed.*, counted.set_aside
    from (select count(*)::int as set_aside from aside) counted
    left join claimed on true`;

/**
 * Most runs that one statement takes; more are taken with several. How many is written into its text, in steps of
 * two: as a parameter it would leave Postgres to guess, and so to plan anew each time, which costs more than the claim.
 */
export const MAX_AT_ONCE = 64;

/**
 * Takes the oldest runs that are due, at most one of each thread, and tells how many it has set aside: `$1` the worker,
 * `$2` the length of the lease in ms, `$3` graphs of which none is to be taken, unless it is of any graph.
 */
export const claimStatement = (limit: number, isOfAnyGraph: boolean) => ({
  name: `claim_${limit}_runs${isOfAnyGraph ? "" : "_except"}`,
  text: toText(limit, isOfAnyGraph ? "" : "and graph_id <> all($3)"),
});
