import type { CancelAction, ClaimedRun, Fence, RunStatus } from "../domain/run.ts";
import type { ThreadOutcome } from "../domain/thread.ts";
import { claimStatement, MAX_AT_ONCE } from "./claim-statement.ts";
import { DEADLOCK_DETECTED, hasSqlState, only, type Queryable, UNIQUE_VIOLATION } from "./database.ts";

export interface Claim {
  readonly workerId: string;
  /** How long the claim lasts unless renewed. */
  readonly leaseMs: number;
  /** Most runs to take. */
  readonly limit: number;
  /** Graphs of which no run is to be taken; none unless given. */
  readonly exceptGraphs?: readonly string[];
}

/**
 * Takes the oldest runs that are due, at most one of each thread.
 *
 * Runs of one thread never overlap: the index `runs_one_running_per_thread` refuses a second one. That the
 * statement looks for others only keeps workers from trying; two workers can still race past it, and then the
 * loser gets a unique violation, which here means “nothing for you”. So does a deadlock: of two claims of
 * several threads each, either may be ahead on one of them.
 */
export async function claimRuns(
  db: Queryable,
  { workerId, leaseMs, limit, exceptGraphs = [] }: Claim,
): Promise<readonly ClaimedRun[]> {
  const claimed: ClaimedRun[] = [];
  while (claimed.length < limit) {
    const most = Math.min(MAX_AT_ONCE, 2 ** Math.floor(Math.log2(limit - claimed.length)));
    try {
      const { runs, setAside } = await claimForemost(db, { workerId, leaseMs, limit: most, exceptGraphs });
      claimed.push(...runs);
      // Behind those that were set aside there may be others, which nothing has looked at yet.
      if (runs.length < most && setAside === 0) break;
    } catch (error) {
      // Those that are claimed already would be executed by nobody. What is wrong the next claim will tell.
      if (claimed.length === 0) throw error;
      break;
    }
  }
  return claimed;
}

async function claimForemost(
  db: Queryable,
  { workerId, leaseMs, limit, exceptGraphs }: Required<Claim>,
): Promise<{ readonly runs: readonly ClaimedRun[]; readonly setAside: number }> {
  const isOfAnyGraph = exceptGraphs.length === 0;
  try {
    const { rows } = await db.query<ClaimedRun & { readonly set_aside: number }>({
      ...claimStatement(limit, isOfAnyGraph),
      values: [workerId, leaseMs, ...(isOfAnyGraph ? [] : [exceptGraphs])],
    });
    // Without a claim there is one row, which tells only how many were set aside.
    const runs = rows.map(({ set_aside: _, ...run }) => run).filter(({ run_id }) => run_id !== null);
    return { runs, setAside: rows[0]?.set_aside ?? 0 };
  } catch (error) {
    if (hasSqlState(error, UNIQUE_VIOLATION) || hasSqlState(error, DEADLOCK_DETECTED))
      return { runs: [], setAside: 0 };
    throw error;
  }
}

export interface RenewedLease extends Pick<Fence, "run_id" | "attempt"> {
  /** What was asked of the run; null for nothing. */
  readonly cancel_requested: CancelAction | null;
}

export interface Renewal {
  readonly leaseMs: number;
  /** A run that the worker has had for longer is left to expire. */
  readonly maxAgeMs: number;
  /** And so are these runs. */
  readonly exceptRuns?: readonly string[];
}

/**
 * Renews every lease of a worker at once.
 * @returns the runs it still holds; a run not among them belongs to someone else
 */
export async function renewLeases(
  db: Queryable,
  workerId: string,
  { leaseMs, maxAgeMs, exceptRuns = [] }: Renewal,
): Promise<readonly RenewedLease[]> {
  const { rows } = await db.query<RenewedLease>({
    name: "renew_leases",
    text: `update runs
        set lease_expires_at = now() + $2 * interval '1 millisecond'
      where claimed_by = $1
        and status = 'running'
        and lease_expires_at > now()
        -- A server that does not know the column has left it empty.
        and coalesce(claimed_at, now()) > now() - $3 * interval '1 millisecond'
        and run_id <> all($4::uuid[])
     returning run_id, attempt, cancel_requested`,
    values: [workerId, leaseMs, maxAgeMs, exceptRuns],
  });
  return rows;
}

/** @returns false when the lease was lost: another worker owns the run now, so drop this result */
export async function finishRun(
  tx: Queryable,
  { run_id, worker_id, attempt }: Fence,
  status: RunStatus,
): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "finish_run",
    text: `update runs
        set status = $4, claimed_by = null, lease_expires_at = null, updated_at = now(),
            -- A run that came to its end before it could be stopped was not cancelled after all.
            cancel_reason = case when $4 = 'interrupted' and cancel_requested is not null then cancel_reason end
      where run_id = $1
        and claimed_by = $2
        and attempt = $3
        and status = 'running'`,
    values: [run_id, worker_id, attempt, status],
  });
  return rowCount === 1;
}

export interface ThreadOfRun extends ThreadOutcome {
  readonly thread_id: string;
  /** Whether the run may have written checkpoints, which go with a thread that was made for it. */
  readonly has_checkpoints: boolean;
}

/**
 * The same, and leaves what the run made of its thread; that stays busy while other runs are waiting. A thread that
 * was made for the run is deleted.
 * @returns whether other runs of the thread are waiting; null when the lease was lost, as in `finishRun`
 */
export async function finishRunOnThread(
  db: Queryable,
  { run_id, worker_id, attempt }: Fence,
  status: RunStatus,
  thread: ThreadOfRun,
): Promise<boolean | null> {
  const { thread_id, values, interrupts, error, has_checkpoints } = thread;
  const { rows } = await db.query<{ has_more: boolean | null }>({
    name: "finish_run_on_thread",
    text: "select finish_run_on_thread($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) as has_more",
    values: [
      run_id,
      thread_id,
      worker_id,
      attempt,
      status,
      thread.status,
      values === null ? null : JSON.stringify(values),
      interrupts,
      error === null ? null : JSON.stringify(error),
      has_checkpoints,
    ],
  });
  return only(rows).has_more;
}

/**
 * Puts a run back into the queue, at its old place and not charged as a crash.
 * @returns false when the lease was lost, for the same reason as in `finishRun`
 */
export async function handBackRun(db: Queryable, { run_id, worker_id, attempt }: Fence): Promise<boolean> {
  const { rowCount } = await db.query({
    name: "hand_back_run",
    text: `update runs
        set status = 'pending', claimed_by = null, lease_expires_at = null, updated_at = now()
      where run_id = $1
        and claimed_by = $2
        and attempt = $3
        and status = 'running'`,
    values: [run_id, worker_id, attempt],
  });
  return rowCount === 1;
}

export interface ExpiredRun {
  readonly run_id: string;
  readonly thread_id: string;
  readonly crashes: number;
  readonly cancel_requested: CancelAction | null;
  readonly delete_thread: boolean;
  /** How long its last attempt has gone on; null when the server that began it did not note when. */
  readonly claimed_for_ms: number | null;
}

/** Runs whose worker has not renewed its lease in time. */
export async function listExpiredRuns(db: Queryable, limit: number): Promise<readonly ExpiredRun[]> {
  const { rows } = await db.query<ExpiredRun>(
    `select run_id, thread_id, crashes, cancel_requested, delete_thread,
            (extract(epoch from now() - claimed_at) * 1000)::float8 as claimed_for_ms
       from runs
      where status = 'running' and lease_expires_at <= now()
      order by lease_expires_at
      limit $1`,
    [limit],
  );
  return rows;
}

/**
 * Takes a run from a worker that did not renew its lease and gives it the next status.
 * @returns false when the lease was renewed or someone else was faster
 */
export async function releaseExpiredRun(
  tx: Queryable,
  runId: string,
  status: "pending" | "error" | "timeout" | "interrupted",
): Promise<boolean> {
  const { rowCount } = await tx.query(
    // The lock waits for what the attempt is writing at this moment, and whatever it writes later finds it over.
    `with expired as materialized (
       select run_id from runs
        where run_id = $1
          and status = 'running'
          and lease_expires_at <= now()
          for update)
     update runs
        set status = $2, crashes = crashes + 1, claimed_by = null, lease_expires_at = null, updated_at = now()
      where run_id in (select run_id from expired)`,
    [runId, status],
  );
  return rowCount === 1;
}

/** Ends every lease. Only for a server that knows it is the only one, to take over from one that died. */
export async function expireAllLeases(db: Queryable): Promise<void> {
  await db.query("update runs set lease_expires_at = now() where status = 'running'");
}
