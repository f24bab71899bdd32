import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { notFound } from "../../domain/errors.ts";
import { type CancelAction, isFinished } from "../../domain/run.ts";
import type { Engine } from "../../engine/engine.ts";
import { deleteCheckpointsOfRun, deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import {
  deleteRun,
  type EndedPendingRun,
  findRun,
  finishPendingRun,
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
  { thread_id, run_id, action }: CancelRun,
): Promise<boolean> {
  const { db, wakeUps } = deps;
  const run = await findRun(db, caller.identity, thread_id, run_id);
  if (run === null) throw notFound("Run", run_id);
  if (isFinished(run.status)) return false;
  const ended = await db.transaction(async (tx) => {
    await lockThread(tx, run.thread_id);
    const ended = await cancelUnfinishedRun(tx, run_id, action);
    await updateThreadStatusFromRuns(tx, run.thread_id);
    return ended;
  });
  if (ended?.has_begun) await refreshThread(deps, run.thread_id, action);
  wakeUps.cancelRequested([run_id]);
  wakeUps.runsEnded([run_id]);
  return true;
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

/**
 * Part of a transaction that has the thread locked.
 * @returns what was ended at once; null when a worker has been asked to stop, or there was nothing to do
 */
export async function cancelUnfinishedRun(
  tx: Queryable,
  runId: string,
  action: CancelAction,
): Promise<EndedPendingRun | null> {
  if (await requestCancel(tx, runId, action)) return null;
  const ended = await finishPendingRun(tx, runId);
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
