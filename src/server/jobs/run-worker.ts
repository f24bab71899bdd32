import type { Logger } from "pino";
import { type ClaimedRun, RunStopped } from "../domain/run.ts";
import type { Database } from "../persistence/database.ts";
import { claimRuns } from "../persistence/leases.ts";
import type { Services } from "../services/bind.ts";
import type { QueueCounters } from "../services/queue-events.ts";
import { createGraphLimits } from "./graph-limits.ts";
import { createLeaseKeeper } from "./lease-keeper.ts";

export interface RunWorkerOptions {
  /** For the thread that renews leases, which has its own connection. */
  readonly databaseUrl: string;
  readonly workerId: string;
  /** How many runs to execute at once. */
  readonly slots: number;
  /** Most runs of a graph to execute at once; a graph that is not in it may have all slots. */
  readonly maxRunsOfGraph: ReadonlyMap<string, number>;
  /** How long a claim lasts without renewal; renewed at a third of it. */
  readonly leaseMs: number;
  /** How long one attempt of a run may take before it is stopped. */
  readonly timeoutMs: number;
  /** How long an idle worker waits before it looks again by itself. */
  readonly pollMs: number;
  /** How long runs may go on after closing has begun, before they are stopped and handed back. */
  readonly drainMs: number;
}

interface Deps {
  readonly db: Database;
  readonly services: Pick<Services, "executeRun">;
  readonly queueCounters: QueueCounters;
  readonly log: Logger;
}

export interface RunWorker extends AsyncDisposable {
  /** Looks for new runs now. @returns whether it has room for whatever it finds */
  wake(): boolean;
  /** Looks now whether runs of this worker are to be cancelled. */
  checkCancels(): void;
}

/**
 * Starts claiming and executing runs. Disposing it stops claiming, lets runs finish for a while, and hands
 * the others back to the queue: each stops after its current step, or, once the time is over, at once.
 */
export function startRunWorker(
  { db, services, queueCounters, log }: Deps,
  options: RunWorkerOptions,
): RunWorker {
  const { slots, maxRunsOfGraph, leaseMs, pollMs, drainMs, workerId } = options;
  const leases = createLeaseKeeper({ log, onLost: () => queueCounters.count("lease_losses") }, options);
  const active = new Map<string, Promise<void>>();
  const limits = createGraphLimits(maxRunsOfGraph);
  const drain = new AbortController();
  let closing = false;
  let claiming: Promise<void> | null = null;
  let wokenMeanwhile = false;
  /** Whether the last claim left runs behind that could be taken by now, as far as is known. */
  let mayHaveMore = false;

  const execute = async (run: ClaimedRun, abort: AbortSignal) => {
    const { run_id, thread_id, attempt } = run;
    const runLog = log.child({ run_id, thread_id, graph_id: run.kwargs.graph_id, attempt });
    const startedMs = performance.now();
    runLog.debug("run started");
    try {
      const outcome = await services.executeRun(run, { abort, drain: drain.signal });
      runLog.info({ outcome, ms: Math.round(performance.now() - startedMs) }, "run ended");
    } catch (error) {
      runLog.error({ err: error }, "run could not be finished; it is tried again when its lease expires");
    } finally {
      leases.release(run);
      limits.release(run.kwargs.graph_id);
    }
  };

  const begin = (run: ClaimedRun) => {
    limits.take(run.kwargs.graph_id);
    queueCounters.count("claims");
    if (run.attempt > 1) queueCounters.count("retries");
    const abort = leases.hold(run);
    // Its lease was over before this process knew, and it came back here: what is left of that attempt ends first.
    const before = active.get(run.run_id);
    const work = before === undefined ? execute(run, abort) : before.then(() => execute(run, abort));
    active.set(run.run_id, work);
    void work.then(() => {
      if (active.get(run.run_id) === work) active.delete(run.run_id);
      if (mayHaveMore) wake();
    });
  };

  const claim = async () => {
    do {
      wokenMeanwhile = false;
      const free = slots - active.size;
      mayHaveMore = free <= 0;
      if (free <= 0 || closing) return;
      const { exceptGraphs, mostAtOnce } = limits.next();
      const limit = Math.min(free, mostAtOnce);
      const runs = await claimRuns(db, { workerId, leaseMs, limit, exceptGraphs });
      for (const run of runs) begin(run);
      mayHaveMore = runs.length === limit || exceptGraphs.length > 0;
      // Where a limit kept it from taking as many as it could, there may be more.
      if (runs.length === limit && limit < free) wokenMeanwhile = true;
    } while (wokenMeanwhile);
  };

  /** One claim at a time; a call during one makes it look once more. */
  const wake = () => {
    const hasRoom = !closing && slots > active.size && maxRunsOfGraph.size === 0;
    wokenMeanwhile = true;
    if (closing || claiming !== null) return hasRoom;
    claiming = claim()
      .catch((error: unknown) => log.error({ err: error }, "could not claim runs"))
      .finally(() => {
        claiming = null;
      });
    return hasRoom;
  };

  const poll = setInterval(wake, pollMs);
  wake();

  return {
    wake,
    checkCancels: leases.check,
    async [Symbol.asyncDispose]() {
      closing = true;
      clearInterval(poll);
      await claiming;
      const finished = () => Promise.all(active.values());
      if (active.size > 0) log.info({ runs: active.size, grace_ms: drainMs }, "waiting for runs");
      await withTimeout(finished(), drainMs);
      drain.abort();
      await withTimeout(finished(), drainMs === 0 ? 0 : STEP_MS);
      leases.stopAll(new RunStopped("drain"));
      await finished();
      await leases[Symbol.asyncDispose]();
    },
  };
}

/** How long a run may take to reach the end of its step after the grace. */
const STEP_MS = 2000;

async function withTimeout(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, timeoutMs);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
