import { randomUUID } from "node:crypto";
import type { Config } from "../config/config.ts";
import type { ClosingStack } from "./closing-stack.ts";
import type { ServerOptions } from "./compose.ts";
import { repeat } from "./jobs/repeat.ts";
import { type RunWorker, startRunWorker } from "./jobs/run-worker.ts";
import type { Database } from "./persistence/database.ts";
import { pruneRunEvents } from "./persistence/run-events.ts";
import type { Services } from "./services/bind.ts";
import type { QueueCounters } from "./services/queue-events.ts";

const POLL_MS = 1000;
const SETTLE_MS = 5000;
const SWEEP_MS = 60_000;

interface WorkerParts {
  readonly db: Database;
  readonly services: Services;
  readonly queueCounters: QueueCounters;
}

function startWorker(
  started: ClosingStack,
  { config, environment, databaseUrl, role, drainMs, log }: ServerOptions,
  parts: WorkerParts,
): RunWorker | null {
  if (role === "api" || environment.jobsPerWorker === 0) return null;
  return started.use(
    startRunWorker(
      { ...parts, log },
      {
        databaseUrl: environment.directDatabaseUrl ?? databaseUrl,
        workerId: randomUUID(),
        slots: environment.jobsPerWorker,
        maxRunsOfGraph: maxRunsOfGraph(config),
        leaseMs: environment.leaseMs,
        timeoutMs: environment.runTimeoutMs,
        pollMs: POLL_MS,
        drainMs,
      },
    ),
  );
}

const maxRunsOfGraph = ({ graphs }: Config): ReadonlyMap<string, number> =>
  new Map(
    Object.entries(graphs).flatMap(([id, { maxConcurrency }]) =>
      maxConcurrency === null ? [] : [[id, maxConcurrency] as const],
    ),
  );

/**
 * Starts what is done without being asked: executing runs, recovering those of others, and sweeping.
 * @returns the worker, so that it can be woken; null when this process executes no runs
 */
export function startJobs(
  started: ClosingStack,
  options: ServerOptions,
  parts: WorkerParts,
): RunWorker | null {
  const { environment, log } = options;
  const { db, services } = parts;
  const worker = startWorker(started, options, parts);
  started.use(repeat(services.settleWatchedRuns, { name: "settle watched runs", everyMs: SETTLE_MS, log }));
  started.use(
    repeat(services.settleWatchedThreads, { name: "settle watched threads", everyMs: SETTLE_MS, log }),
  );
  started.use(
    repeat(() => services.sweepEphemeralThreads({ olderThanMs: SWEEP_MS }), {
      name: "sweep ephemeral threads",
      everyMs: SWEEP_MS,
      log,
    }),
  );
  started.use(
    repeat(() => pruneRunEvents(db, environment.resumableTtlMs), {
      name: "prune run events",
      everyMs: SWEEP_MS / 2,
      log,
    }),
  );
  started.use(
    repeat(services.sweepIdempotencyKeys, { name: "sweep idempotency keys", everyMs: SWEEP_MS, log }),
  );
  started.use(
    repeat(
      () =>
        services.recoverExpiredRuns({
          maxRetries: environment.maxRetries,
          timeoutMs: environment.runTimeoutMs,
        }),
      {
        name: "recover expired runs",
        everyMs: environment.leaseMs / 3,
        log,
      },
    ),
  );
  return worker;
}
