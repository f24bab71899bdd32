import type { RunBus } from "../../bus/run-bus.ts";
import { hasFailed, type RunResult, toBeginning } from "../../domain/run.ts";
import type { Database } from "../../persistence/database.ts";
import { type EndedRun, listEndedRuns } from "../../persistence/runs.ts";
import { toEndEvent } from "./end-event.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
}

/**
 * Ends the streams of watched runs that have ended without this process doing it: another server executed
 * them, they were cancelled before they began, or they were deleted.
 */
export async function settleWatchedRuns({ db, bus }: Deps): Promise<void> {
  const watched = bus.watchedRuns();
  if (watched.length === 0) return;
  for (const run of await listEndedRuns(db, watched)) {
    // Meanwhile this process may have begun it, and then knows its end better: the rows may be gone with it.
    if (!bus.isWatched(run.run_id)) continue;
    const result = toResult(run);
    bus.settle(run.run_id, {
      beginning: toBeginning(run.run_id, 1),
      end: toEndEvent(run.run_id, result),
      result,
      mayBeTold: run.has_begun ?? true,
    });
  }
}

function toResult({ status, values, interrupts, error }: EndedRun): RunResult {
  return {
    // A run that was deleted has been stopped by someone.
    status: status ?? "interrupted",
    values,
    interrupts: Object.values(interrupts ?? {}).flat(),
    error: hasFailed(status) ? (error ?? { error: "Error", message: "The run failed" }) : null,
  };
}
