import type { RenewedLease } from "../persistence/leases.ts";

export interface OverdueCancels {
  /** Notes what is asked of runs that are still held. */
  see(leases: readonly RenewedLease[], nowMs: number): void;
  /** Runs that were asked to stop so long ago that their worker is not going to. */
  list(nowMs: number): readonly string[];
}

/**
 * Remembers since when runs are to stop.
 *
 * @param limitMs how long a worker may take to stop one
 * @param forgetMs after how long the run is of no interest any more, since it is nobody's
 */
export function createOverdueCancels(limitMs: number, forgetMs: number): OverdueCancels {
  const askedAtMs = new Map<string, number>();
  return {
    see(leases, nowMs) {
      const held = new Set(leases.map(({ run_id }) => run_id));
      for (const [runId, atMs] of askedAtMs) {
        const ageMs = nowMs - atMs;
        if (ageMs > forgetMs || (ageMs <= limitMs && !held.has(runId))) askedAtMs.delete(runId);
      }
      for (const { run_id, cancel_requested } of leases) {
        if (cancel_requested !== null && !askedAtMs.has(run_id)) askedAtMs.set(run_id, nowMs);
      }
    },
    list: (nowMs) => [...askedAtMs].flatMap(([runId, atMs]) => (nowMs - atMs > limitMs ? runId : [])),
  };
}
