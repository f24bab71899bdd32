import process from "node:process";
import type { Logger } from "pino";
import { type ClaimedRun, RunStopped, timeoutFailure } from "../domain/run.ts";
import type { RenewedLease } from "../persistence/leases.ts";
import { type HeartbeatOptions, startHeartbeat } from "./heartbeat.ts";

interface Held {
  readonly attempt: number;
  readonly heldSinceNs: bigint;
  readonly stop: AbortController;
  readonly timeout: NodeJS.Timeout;
}

/** How often in the time of a lease it is looked whether it is over. Until then it runs here and may run elsewhere. */
const WATCHES_OF_LEASE = 10;

export interface LeaseKeeper extends AsyncDisposable {
  /**
   * Keeps the lease of a claimed run. An attempt of it that is still held here has lost it.
   * @returns aborts with a RunStopped when the run has to stop
   */
  hold(run: ClaimedRun): AbortSignal;
  /** Lets go of this attempt, and of no other. */
  release(run: Pick<ClaimedRun, "run_id" | "attempt">): void;
  /** Renews now, and so learns what is asked of the runs. */
  check(): void;
  stopAll(reason: RunStopped): void;
}

interface Deps {
  readonly log: Logger;
  /** Told of each run whose lease was lost. */
  readonly onLost: () => void;
}

/**
 * Renews the leases of all runs of a worker with one statement, at a third of their length, and learns from
 * its answer which runs are to be cancelled and which were lost.
 *
 * When renewing has not succeeded for so long that the leases must have expired, the runs are stopped here: another
 * worker may have them. Those that take longer than they may are stopped too.
 */
export function createLeaseKeeper({ log, onLost }: Deps, options: HeartbeatOptions): LeaseKeeper {
  const { leaseMs, timeoutMs } = options;
  const leaseNs = BigInt(Math.round(leaseMs * 1e6));
  const held = new Map<string, Held>();

  const lose = (stop: AbortController) => {
    if (stop.signal.aborted) return;
    stop.abort(new RunStopped("lease_lost"));
    onLost();
  };

  const drop = ({ stop, timeout }: Held) => {
    clearTimeout(timeout);
    lose(stop);
  };

  const onRenewed = (startedNs: bigint, leases: readonly RenewedLease[]) => {
    const kept = new Map(leases.map((lease) => [lease.run_id, lease]));
    for (const [runId, { attempt, heldSinceNs, stop }] of held) {
      const lease = kept.get(runId);
      // A run that was claimed while the statement was on its way may not be in its answer.
      if (heldSinceNs < startedNs && lease?.attempt !== attempt) lose(stop);
      else if (lease?.cancel_requested) stop.abort(new RunStopped(lease.cancel_requested));
    }
  };

  const heartbeat = startHeartbeat({ log, onRenewed }, options);

  // A database that does not answer makes nothing fail, and a thread that has died tells nothing: so it is looked at.
  const watch = setInterval(() => {
    const nowNs = process.hrtime.bigint();
    const renewedNs = heartbeat.renewedNs();
    for (const { heldSinceNs, stop } of held.values()) {
      const keptNs = renewedNs > heldSinceNs ? renewedNs : heldSinceNs;
      if (nowNs - keptNs > leaseNs) lose(stop);
    }
  }, leaseMs / WATCHES_OF_LEASE);

  return {
    hold({ run_id, attempt, cancel_requested }) {
      const stop = new AbortController();
      if (cancel_requested !== null) stop.abort(new RunStopped(cancel_requested));
      const timeout = setTimeout(
        () => stop.abort(new RunStopped("timeout", timeoutFailure(timeoutMs))),
        timeoutMs,
      );
      const before = held.get(run_id);
      if (before !== undefined) drop(before);
      held.set(run_id, { attempt, heldSinceNs: process.hrtime.bigint(), stop, timeout });
      heartbeat.setHeld(held.size);
      return stop.signal;
    },
    release({ run_id, attempt }) {
      const ended = held.get(run_id);
      if (ended?.attempt !== attempt) return;
      clearTimeout(ended.timeout);
      held.delete(run_id);
      heartbeat.setHeld(held.size);
    },
    check: heartbeat.check,
    stopAll(reason) {
      for (const { stop } of held.values()) stop.abort(reason);
    },
    async [Symbol.asyncDispose]() {
      clearInterval(watch);
      await heartbeat[Symbol.asyncDispose]();
    },
  };
}
