import type { Logger } from "pino";
import { type ClaimedRun, RunStopped, timeoutFailure } from "../domain/run.ts";
import type { Database } from "../persistence/database.ts";
import { renewLeases } from "../persistence/leases.ts";

interface Held {
  readonly attempt: number;
  readonly heldSinceMs: number;
  readonly stop: AbortController;
  readonly timeout: NodeJS.Timeout;
}

export interface LeaseKeeperOptions {
  readonly workerId: string;
  readonly leaseMs: number;
  /** How long a run is held before it has to stop. */
  readonly timeoutMs: number;
}

export interface LeaseKeeper extends Disposable {
  /** Keeps the lease of a claimed run. @returns aborts with a RunStopped when the run has to stop */
  hold(run: ClaimedRun): AbortSignal;
  release(runId: string): void;
  /** Renews now, and so learns what is asked of the runs. */
  check(): void;
  stopAll(reason: RunStopped): void;
}

/**
 * Renews the leases of all runs of a worker with one statement, at a third of their length, and learns from
 * its answer which runs are to be cancelled and which were lost.
 *
 * When renewing has not succeeded for so long that the leases must have expired, the runs are stopped here: another
 * worker may have them.
 */
export function createLeaseKeeper(
  { db, log }: { readonly db: Database; readonly log: Logger },
  { workerId, leaseMs, timeoutMs }: LeaseKeeperOptions,
): LeaseKeeper {
  const held = new Map<string, Held>();
  let renewedMs = performance.now();
  let renewing: Promise<void> | null = null;
  let again = false;

  const renew = async () => {
    const startedMs = performance.now();
    const kept = new Map((await renewLeases(db, workerId, leaseMs)).map((run) => [run.run_id, run]));
    renewedMs = startedMs;
    for (const [runId, { attempt, heldSinceMs, stop }] of held) {
      const row = kept.get(runId);
      // A run that was claimed while the statement was on its way may not be in its answer.
      const lost = heldSinceMs < startedMs && row?.attempt !== attempt;
      if (lost) stop.abort(new RunStopped("lease_lost"));
      else if (row?.cancel_requested) stop.abort(new RunStopped(row.cancel_requested));
    }
  };

  const loseExpired = () => {
    const nowMs = performance.now();
    for (const { heldSinceMs, stop } of held.values()) {
      if (nowMs - Math.max(renewedMs, heldSinceMs) > leaseMs) stop.abort(new RunStopped("lease_lost"));
    }
  };

  const check = () => {
    again = true;
    if (renewing !== null) return;
    renewing = (async () => {
      while (again && held.size > 0) {
        again = false;
        await renew();
      }
    })()
      .catch((error: unknown) => {
        log.warn({ err: error, runs: held.size }, "could not renew leases");
      })
      .finally(() => {
        renewing = null;
      });
  };

  const heartbeat = setInterval(() => {
    // Looked at here and not where renewing fails: a database that does not answer makes nothing fail.
    loseExpired();
    check();
  }, leaseMs / 3);

  return {
    hold({ run_id, attempt, cancel_requested }) {
      const stop = new AbortController();
      if (cancel_requested !== null) stop.abort(new RunStopped(cancel_requested));
      const timeout = setTimeout(
        () => stop.abort(new RunStopped("timeout", timeoutFailure(timeoutMs))),
        timeoutMs,
      );
      held.set(run_id, { attempt, heldSinceMs: performance.now(), stop, timeout });
      return stop.signal;
    },
    release(runId) {
      clearTimeout(held.get(runId)?.timeout);
      held.delete(runId);
    },
    check,
    stopAll(reason) {
      for (const { stop } of held.values()) stop.abort(reason);
    },
    [Symbol.dispose]() {
      clearInterval(heartbeat);
    },
  };
}
