import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { DomainError, notFound } from "../../domain/errors.ts";
import { type CancelAction, isFinished } from "../../domain/run.ts";
import type { Engine } from "../../engine/engine.ts";
import { deleteCheckpointsOfRun, deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import {
  deleteRun,
  type EndedPendingRun,
  findRun,
  finishPendingRun,
  listRunsOfThread,
  listUnfinishedRunsByThread,
  lockRun,
  requestCancel,
} from "../../persistence/runs.ts";
import { deleteThreadOfRun, lockThread, updateThreadStatusFromRuns } from "../../persistence/threads.ts";
import { refreshThread } from "../threads/refresh-thread.ts";
import type { WakeUps } from "../wake-ups.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
}

export interface CancelRun {
  /** Null finds the run on whatever thread it is. */
  readonly thread_id: string | null;
  readonly run_id: string;
  readonly action: CancelAction;
  /** Shown on the run as its `cancel_reason`. */
  readonly reason: string;
}

/**
 * Asks for a run to be stopped. One that is still waiting ends at once; one that is running ends as soon as
 * its worker, which may be in another process, has stopped the graph. A finished run stays as it is.
 *
 * @returns false when it had finished already
 * @throws DomainError `not_found`
 */
export async function cancelRun(
  deps: Deps,
  caller: Caller,
  { thread_id, run_id, action, reason }: CancelRun,
): Promise<boolean> {
  const run = await findRun(deps.db, caller.identity, thread_id, run_id);
  if (run === null) throw notFound("Run", run_id);
  if (isFinished(run.status)) return false;
  await cancelRunsOfThread(deps, { thread_id: run.thread_id, run_ids: [run_id] }, { action, reason });
  return true;
}

export interface CancelRuns {
  /** Some runs of a thread, or all that have the status. */
  readonly selection:
    | { readonly thread_id: string; readonly run_ids: readonly string[] }
    | { readonly status: "pending" | "running" | "all" };
  readonly action: CancelAction;
  readonly reason: string;
}

/**
 * The same for several runs of the caller, thread by thread. Runs that have finished stay as they are.
 * @throws DomainError `not_found` when the thread has none of the runs
 */
export async function cancelRuns(
  deps: Deps,
  caller: Caller,
  { selection, ...cancel }: CancelRuns,
): Promise<void> {
  const byThread =
    "status" in selection
      ? await listUnfinishedRunsByThread(
          deps.db,
          caller.identity,
          selection.status === "all" ? ["pending", "running"] : [selection.status],
        )
      : [await findSelected(deps.db, caller, selection)];
  for (const runs of byThread) await cancelRunsOfThread(deps, runs, cancel);
}

interface RunsOfThread {
  readonly thread_id: string;
  readonly run_ids: readonly string[];
}

async function findSelected(
  db: Database,
  caller: Caller,
  { thread_id, run_ids }: RunsOfThread,
): Promise<RunsOfThread> {
  const found = await listRunsOfThread(db, caller.identity, thread_id, run_ids);
  if (found.length === 0) {
    throw new DomainError("not_found", `Thread '${thread_id}' has none of the runs that are named`);
  }
  return { thread_id, run_ids: found };
}

async function cancelRunsOfThread(
  deps: Deps,
  { thread_id, run_ids }: RunsOfThread,
  cancel: Cancel,
): Promise<void> {
  const { db, wakeUps } = deps;
  const ended = await db.transaction(async (tx) => {
    await lockThread(tx, thread_id);
    const ended: EndedPendingRun[] = [];
    for (const runId of run_ids) {
      const run = await cancelUnfinishedRun(tx, runId, cancel);
      if (run !== null) ended.push(run);
    }
    await updateThreadStatusFromRuns(tx, thread_id);
    return ended;
  });
  if (ended.some(({ has_begun }) => has_begun)) await refreshThread(deps, thread_id, cancel.action);
  wakeUps.cancelRequested(run_ids);
  wakeUps.runsEnded(run_ids);
}

/** The same and waits until the run has ended, or `signal` aborts. */
export async function cancelRunAndWait(
  { bus, ...deps }: Deps & { readonly bus: RunBus },
  caller: Caller,
  cancel: CancelRun,
  signal: AbortSignal,
): Promise<void> {
  const settled = new AbortController();
  // Before the request: the end may come while that is still on its way.
  const ended = bus.waitForEnd(cancel.run_id, AbortSignal.any([signal, settled.signal]));
  try {
    if (await cancelRun(deps, caller, cancel)) await ended;
  } finally {
    settled.abort();
  }
}

type Cancel = Pick<CancelRun, "action" | "reason">;

/**
 * Part of a transaction that has the thread locked.
 * @returns what was ended at once; null when a worker has been asked to stop, or there was nothing to do
 */
export async function cancelUnfinishedRun(
  tx: Queryable,
  runId: string,
  { action, reason }: Cancel,
): Promise<EndedPendingRun | null> {
  // A claim does not lock the thread: between the two statements the run could go from pending to running.
  await lockRun(tx, runId);
  if (await requestCancel(tx, runId, { action, reason })) return null;
  const ended = await finishPendingRun(tx, runId, reason);
  if (ended === null) return null;
  if (ended.delete_thread) {
    await deleteThreadOfRun(tx, ended.thread_id);
    await deleteCheckpointsOfThread(tx, ended.thread_id);
  } else if (action === "rollback") {
    await deleteCheckpointsOfRun(tx, ended.thread_id, runId);
    await deleteRun(tx, runId);
  }
  return ended;
}
