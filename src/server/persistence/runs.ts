import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import type { CancelAction, NewRun, Run, RunFailure, RunResult, RunStatus } from "../domain/run.ts";
import type { Interrupts } from "../domain/thread.ts";
import { createConditions } from "./conditions.ts";
import { only, type Queryable } from "./database.ts";

export const RUN =
  "run_id, thread_id, assistant_id, status, multitask_strategy, metadata, kwargs, cancel_reason, created_at, updated_at";

const RUN_COLUMNS =
  "run_id, thread_id, assistant_id, owner, multitask_strategy, metadata, kwargs, delete_thread, available_at";
const runValues = (threadId: string) =>
  `$1, ${threadId}, $3, $4, $5, $6, $7, $8, now() + $9 * interval '1 second'`;

const toInsertValues = (owner: string, run: NewRun): unknown[] => [
  run.run_id,
  run.thread_id,
  run.assistant_id,
  owner,
  run.multitask_strategy,
  run.metadata,
  run.kwargs,
  run.delete_thread,
  run.delaySeconds,
];

/**
 * Adds a pending run. The row is the queue entry; wake the workers once it is committed.
 * @returns null when the id is taken
 */
export async function insertRun(tx: Queryable, owner: string, run: NewRun): Promise<Run | null> {
  const { rows } = await tx.query<Run>(
    `insert into runs (${RUN_COLUMNS}) values (${runValues("$2")})
         on conflict (run_id) do nothing
     returning ${RUN}`,
    toInsertValues(owner, run),
  );
  return rows[0] ?? null;
}

interface ThreadSettings {
  /** Merged into what the thread has. */
  readonly metadata: JsonObject;
  readonly config: JsonObject;
}

/**
 * The same, and marks the thread busy with the run and remembers which assistant it talks to. The order of the queue is
 * that in which runs get hold of the thread.
 * @returns null when the owner has no such thread, or the id is taken; then the thread may be busy without it, so with
 *   an id that may be taken this belongs into a transaction
 */
export async function insertRunOnThread(
  db: Queryable,
  owner: string,
  run: NewRun,
  thread: ThreadSettings,
): Promise<Run | null> {
  const { rows } = await db.query<Run>({
    name: "insert_run_on_thread",
    text: `with busy as (
       update threads set status = 'busy', metadata = metadata || $10, config = $11, updated_at = now()
        where thread_id = $2 and owner = $4
       returning thread_id)
     insert into runs (${RUN_COLUMNS}) select ${runValues("thread_id")} from busy
         on conflict (run_id) do nothing
     returning ${RUN}`,
    values: [...toInsertValues(owner, run), thread.metadata, thread.config],
  });
  return rows[0] ?? null;
}

/** Adds a pending run with a new id, and the thread that is made for it alone, which is in no list. */
export async function insertRunWithThread(
  db: Queryable,
  owner: string,
  run: NewRun,
  thread: ThreadSettings,
): Promise<Run> {
  const { rows } = await db.query<Run>({
    name: "insert_run_with_thread",
    text: `with made as (
       insert into threads (thread_id, owner, ephemeral, status, metadata, config)
       values ($2, $4, true, 'busy', $10, $11)
       returning thread_id)
     insert into runs (${RUN_COLUMNS}) select ${runValues("thread_id")} from made
     returning ${RUN}`,
    values: [...toInsertValues(owner, run), thread.metadata, thread.config],
  });
  return only(rows);
}

/** @param threadId null finds the run on whatever thread it is */
export async function findRun(
  db: Queryable,
  owner: string,
  threadId: string | null,
  runId: string,
): Promise<Run | null> {
  const { rows } = await db.query<Run>({
    name: "find_run",
    text: `select ${RUN} from runs
      where run_id = $1 and owner = $2 and ($3::uuid is null or thread_id = $3)`,
    values: [runId, owner, threadId],
  });
  return rows[0] ?? null;
}

/** Those of the runs that there are, on whatever threads, in no order. */
export async function listRunsById(db: Queryable, owner: string, runIds: readonly string[]): Promise<Run[]> {
  const { rows } = await db.query<Run>(
    `select ${RUN} from runs where run_id = any($2::uuid[]) and owner = $1`,
    [owner, runIds],
  );
  return rows;
}

/** Runs of a thread, newest first. */
export async function listRuns(
  db: Queryable,
  owner: string,
  threadId: string,
  { status, limit, offset }: Page & { readonly status?: RunStatus | undefined },
): Promise<Run[]> {
  const conditions = createConditions();
  conditions.add("thread_id = ?", threadId);
  conditions.add("owner = ?", owner);
  if (status !== undefined) conditions.add("status = ?", status);
  const { rows } = await db.query<Run>(
    `select ${RUN} from runs ${conditions.where}
      order by created_at desc, seq desc
      limit ${conditions.value(limit)} offset ${conditions.value(offset)}`,
    [...conditions.values],
  );
  return rows;
}

/** Ids of the pending and running runs of a thread, in the order of the queue. */
export async function listUnfinishedRuns(db: Queryable, threadId: string): Promise<string[]> {
  const { rows } = await db.query<{ run_id: string }>({
    name: "list_unfinished_runs",
    text: `select run_id from runs where thread_id = $1 and status in ('pending', 'running') order by seq`,
    values: [threadId],
  });
  return rows.map(({ run_id }) => run_id);
}

/** Ids of the runs of a thread that have begun, and have not ended longer ago than this. */
export async function listRecentRuns(db: Queryable, threadId: string, sinceMs: number): Promise<string[]> {
  const { rows } = await db.query<{ run_id: string }>({
    name: "list_recent_runs",
    text: `select run_id from runs
      where thread_id = $1 and attempt > 0
        and (status = 'running' or updated_at > now() - $2 * interval '1 millisecond')`,
    values: [threadId, sinceMs],
  });
  return rows.map(({ run_id }) => run_id);
}

/** Threads on which an assistant has pending or running runs. */
export async function listThreadsWithUnfinishedRuns(db: Queryable, assistantId: string): Promise<string[]> {
  const { rows } = await db.query<{ thread_id: string }>(
    `select distinct thread_id from runs where assistant_id = $1 and status in ('pending', 'running')`,
    [assistantId],
  );
  return rows.map(({ thread_id }) => thread_id);
}

export interface EndedPendingRun {
  readonly thread_id: string;
  /** Whether the thread was made for this run alone. */
  readonly delete_thread: boolean;
  /** Whether a worker had it before and handed it back, or was lost. */
  readonly has_begun: boolean;
}

/** Keeps a run from being claimed, finished or handed back until the transaction ends. */
export async function lockRun(tx: Queryable, runId: string): Promise<void> {
  await tx.query("select from runs where run_id = $1 for update", [runId]);
}

/**
 * Ends a run that no worker has.
 * @returns null when the run is not pending (any more)
 */
export async function finishPendingRun(
  tx: Queryable,
  runId: string,
  reason: string,
): Promise<EndedPendingRun | null> {
  const { rows } = await tx.query<EndedPendingRun>({
    name: "finish_pending_run",
    text: `update runs set status = 'interrupted', cancel_reason = $2, updated_at = now()
      where run_id = $1 and status = 'pending'
     returning thread_id, delete_thread, attempt > 0 as has_begun`,
    values: [runId, reason],
  });
  return rows[0] ?? null;
}

/**
 * Asks the worker of a running run to stop it. The request is a column, so it outlives the worker.
 * @returns false when the run is not running (any more)
 */
export async function requestCancel(
  tx: Queryable,
  runId: string,
  { action, reason }: { readonly action: CancelAction; readonly reason: string },
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "request_cancel",
    text: `update runs set cancel_requested = $2, cancel_reason = $3 where run_id = $1 and status = 'running'`,
    values: [runId, action, reason],
  });
  return rowCount === 1;
}

/** Those of the runs that are on a thread, whatever their status. */
export async function listRunsOfThread(
  db: Queryable,
  owner: string,
  threadId: string,
  runIds: readonly string[],
): Promise<string[]> {
  const { rows } = await db.query<{ run_id: string }>(
    "select run_id from runs where run_id = any($3::uuid[]) and thread_id = $2 and owner = $1",
    [owner, threadId, runIds],
  );
  return rows.map(({ run_id }) => run_id);
}

/** Pending and running runs of an owner, by their threads; the oldest first. */
export async function listUnfinishedRunsByThread(
  db: Queryable,
  owner: string,
  statuses: readonly ("pending" | "running")[],
): Promise<{ readonly thread_id: string; readonly run_ids: readonly string[] }[]> {
  const { rows } = await db.query<{ thread_id: string; run_ids: string[] }>(
    `select thread_id, array_agg(run_id order by seq) as run_ids
       from runs
      where owner = $1 and status = any($2) and status in ('pending', 'running')
      group by thread_id
      order by min(seq)`,
    [owner, statuses],
  );
  return rows;
}

/** @returns whether there was one */
export async function deleteRun(tx: Queryable, runId: string): Promise<boolean> {
  const { rowCount } = await tx.query("delete from runs where run_id = $1", [runId]);
  return rowCount === 1;
}

/** Ids of the pending and running runs of an assistant. */
export async function listUnfinishedRunsOfAssistant(db: Queryable, assistantId: string): Promise<string[]> {
  const { rows } = await db.query<{ run_id: string }>(
    `select run_id from runs where assistant_id = $1 and status in ('pending', 'running')`,
    [assistantId],
  );
  return rows.map(({ run_id }) => run_id);
}

export interface EndedRun {
  readonly run_id: string;
  /** Null when the run is gone. */
  readonly status: RunResult["status"] | null;
  readonly values: unknown;
  readonly interrupts: Interrupts | null;
  readonly error: RunFailure | null;
  /** Whether a worker has ever had it; null when the run is gone. */
  readonly has_begun: boolean | null;
}

/** Those of the runs that have ended or are gone, with what their threads look like now. */
export async function listEndedRuns(db: Queryable, runIds: readonly string[]): Promise<EndedRun[]> {
  const { rows } = await db.query<EndedRun>(
    `select wanted.run_id, runs.status, threads."values", threads.interrupts, threads.error,
            runs.attempt > 0 as has_begun
       from unnest($1::uuid[]) as wanted(run_id)
       left join runs on runs.run_id = wanted.run_id
       left join threads on threads.thread_id = runs.thread_id
      where runs.status is null or runs.status not in ('pending', 'running')`,
    [runIds],
  );
  return rows;
}
