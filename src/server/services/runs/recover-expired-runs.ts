import { type RunFailure, timeoutFailure } from "../../domain/run.ts";
import type { Engine } from "../../engine/engine.ts";
import { deleteCheckpointsOfRun, deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import { type ExpiredRun, listExpiredRuns, releaseExpiredRun } from "../../persistence/leases.ts";
import { deleteRun } from "../../persistence/runs.ts";
import {
  deleteThreadOfRun,
  lockThread,
  updateThreadOutcome,
  updateThreadStatusFromRuns,
} from "../../persistence/threads.ts";
import type { QueueCounters } from "../queue-events.ts";
import { refreshThread } from "../threads/refresh-thread.ts";
import type { WakeUps } from "../wake-ups.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
  readonly queueCounters: QueueCounters;
}

/** More at once would hold up the loop that calls this; the rest comes with the next call. */
const BATCH = 100;

export interface RecoveryLimits {
  readonly maxRetries: number;
  /** How long one attempt of a run may take. */
  readonly timeoutMs: number;
}

/**
 * Takes runs from workers that have stopped renewing their leases. Such a run is executed again, up to
 * `maxRetries` times; then it ends as an error. One that was to be cancelled is, and one that took too long, in a
 * process that was too busy to notice, is not tried again.
 *
 * @returns the runs that were recovered
 */
export async function recoverExpiredRuns(deps: Deps, limits: RecoveryLimits): Promise<readonly string[]> {
  const { db, wakeUps, queueCounters } = deps;
  const recovered: string[] = [];
  for (const run of await listExpiredRuns(db, BATCH)) {
    const taken = await db.transaction(async (tx) => {
      if (!(await lockThread(tx, run.thread_id))) return false;
      return release(tx, run, limits);
    });
    if (!taken) continue;
    recovered.push(run.run_id);
    queueCounters.count("recoveries");
    const { cancel_requested: cancelled, delete_thread } = run;
    if (cancelled !== null && !delete_thread) await refreshThread(deps, run.thread_id, cancelled);
  }
  if (recovered.length > 0) {
    wakeUps.runsPending();
    wakeUps.runsEnded(recovered);
  }
  return recovered;
}

/** @returns false when someone else was faster, or the lease was renewed after all */
async function release(tx: Queryable, run: ExpiredRun, limits: RecoveryLimits): Promise<boolean> {
  const { maxRetries, timeoutMs } = limits;
  if (run.cancel_requested !== null) return cancel(tx, run);
  if ((run.claimed_for_ms ?? 0) > timeoutMs) return fail(tx, run, "timeout", timeoutFailure(timeoutMs));
  if (run.crashes < maxRetries) return releaseExpiredRun(tx, run.run_id, "pending");
  return fail(tx, run, "error", {
    error: "WorkerLost",
    message: `The process that executed the run disappeared ${run.crashes + 1} times; it is not tried again.`,
  });
}

async function fail(
  tx: Queryable,
  run: ExpiredRun,
  status: "error" | "timeout",
  failure: RunFailure,
): Promise<boolean> {
  if (!(await releaseExpiredRun(tx, run.run_id, status))) return false;
  if (run.delete_thread) {
    await deleteWithThread(tx, run);
    return true;
  }
  await updateThreadOutcome(tx, run.thread_id, {
    status: "error",
    values: null,
    interrupts: {},
    error: { ...failure },
  });
  return true;
}

async function cancel(tx: Queryable, run: ExpiredRun): Promise<boolean> {
  if (!(await releaseExpiredRun(tx, run.run_id, "interrupted"))) return false;
  if (run.delete_thread) {
    await deleteWithThread(tx, run);
    return true;
  }
  if (run.cancel_requested === "rollback") {
    await deleteCheckpointsOfRun(tx, run.thread_id, run.run_id);
    await deleteRun(tx, run.run_id);
  }
  await updateThreadStatusFromRuns(tx, run.thread_id);
  return true;
}

async function deleteWithThread(tx: Queryable, { thread_id }: ExpiredRun): Promise<void> {
  await deleteThreadOfRun(tx, thread_id);
  await deleteCheckpointsOfThread(tx, thread_id);
}
