import { randomUUID } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createAdaptorServer } from "@hono/node-server";
import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import type { EventLog } from "./bus/event-log.ts";
import { isRedisAway, isRedisUnavailable, type Redis } from "./bus/redis.ts";
import { createRedisEventLog } from "./bus/redis-event-log.ts";
import { openRedisNotices, type RedisNotices } from "./bus/redis-notices.ts";
import { createSharedBus } from "./bus/shared-bus.ts";
import { type ClosingStack, createClosingStack } from "./closing-stack.ts";
import type { Engine } from "./engine/engine.ts";
import type { GraphEntry } from "./engine/graph-registry.ts";
import { createEventLog } from "./event-log.ts";
import { createHttpApp, type HttpDeps } from "./http/app.ts";
import { createProbeApp } from "./http/probe-app.ts";
import type { RunWorker } from "./jobs/run-worker.ts";
import { singleFlight } from "./jobs/single-flight.ts";
import { createFeedbackRequests } from "./langsmith-feedback.ts";
import { openEventRedis } from "./open-event-redis.ts";
import { openPools } from "./open-pools.ts";
import { type Database, isDatabaseUnavailable } from "./persistence/database.ts";
import { expireAllLeases } from "./persistence/leases.ts";
import { NOTIFY, openNotifications } from "./persistence/notifications.ts";
import { bindServices, type Services } from "./services/bind.ts";
import { createQueueCounters } from "./services/queue-events.ts";
import type { WakeUps } from "./services/wake-ups.ts";
import { startEngine } from "./start-engine.ts";
import { startJobs } from "./start-jobs.ts";

export interface ServerOptions {
  readonly config: Config;
  readonly environment: Environment;
  readonly databaseUrl: string;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly aegraVersion: string;
  /**
   * Whether no other server can be on this database. Then runs that a former one has left are taken over at
   * once, without waiting for their leases to expire.
   */
  readonly isOnlyServer: boolean;
  /** Whether it answers requests, executes runs, or both. */
  readonly role: Role;
  /** How long runs may go on after closing has begun. */
  readonly drainMs: number;
  /** Whether a graph that cannot be loaded keeps the server from starting. */
  readonly requiresAllGraphs: boolean;
  /** Whether schemas that are only in TypeScript are read in the background. Otherwise those of the cache. */
  readonly extractsSchemas: boolean;
  readonly log: Logger;
}

/** `api` answers requests, `worker` executes runs and answers probes only, `all` does both. */
export type Role = "all" | "api" | "worker";

export interface RunningServer extends AsyncDisposable {
  readonly url: string;
  readonly graphs: readonly GraphEntry[];
  /** Files of the project that the graphs are made of, absolute. */
  readonly loadedFiles: readonly string[];
  /** The queue, and what this server has done with it. */
  readonly readQueue: Services["readQueue"];
}

/** How often whoever watches a run looks for events that another server wrote without being heard. */
const WATCH_MS = 500;

/**
 * Builds and starts the whole server: the only file that knows every room. The database must have its
 * tables. Parts close in the reverse of the order below: requests first, the database last.
 */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const started = createClosingStack();
  try {
    return await start(started, options);
  } catch (error) {
    await started[Symbol.asyncDispose]();
    throw error;
  }
}

async function start(started: ClosingStack, options: ServerOptions): Promise<RunningServer> {
  const { config, log, requiresAllGraphs } = options;
  const { db, checkpoints } = openPools(started, options);
  const { engine, loadedFiles } = await startEngine(started, {
    config,
    db,
    checkpoints,
    requiresAllGraphs,
    aegraVersion: options.aegraVersion,
    log,
  });
  const redis = await openEventRedis(started, options);
  const { services, queueCounters, workerStarted } = connectServices(started, options, { db, engine, redis });

  if (options.isOnlyServer) await expireAllLeases(db);
  await services.ensureDefaultAssistants();

  const state = { isReady: false };
  const http = createHttpServer(started, options, { services, engine, db, state });
  http.listen(options.port, options.host);
  await once(http, "listening");
  const worker = startJobs(started, options, { db, services, queueCounters });
  if (worker !== null) workerStarted(worker);
  state.isReady = true;
  if (options.extractsSchemas) engine.extractSchemas();
  // It goes on answering while its runs come to their end: load balancers are told so that they look elsewhere.
  started.defer(() => {
    state.isReady = false;
  });

  return {
    url: toUrl(options.host, (http.address() as AddressInfo).port),
    graphs: engine.graphs,
    loadedFiles: [...loadedFiles],
    readQueue: services.readQueue,
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

/**
 * Binds the services to a bus and to whoever has to be woken: the worker of this server, which starts later,
 * and the other servers.
 */
function connectServices(
  started: ClosingStack,
  { config, environment, databaseUrl, log }: ServerOptions,
  { db, engine, redis }: { readonly db: Database; readonly engine: Engine; readonly redis: Redis | null },
) {
  const instanceId = randomUUID();
  let redisNotices: RedisNotices | null = null;
  const bus = started.use(
    createSharedBus(openEventLog(db, redis, environment), {
      pollMs: WATCH_MS,
      announce(written) {
        if (redis === null) notifications.send({ kind: "events_written", written });
        else redisNotices?.send(written);
      },
      want: (wanted) => notifications.send({ kind: "events_wanted", wanted }),
      onError(error) {
        if (isRedisAway(error)) return; // told by its connection
        log.warn({ err: error }, "the events of runs cannot be read or written");
      },
      retentionMs: environment.resumableTtlMs,
      maxRunBytes: environment.maxRunEventBytes,
      maxRunningBytes: environment.maxEventBytes,
      maxRetainedBytes: environment.maxEventBytes,
    }),
  );
  if (redis !== null) {
    redisNotices = started.use(openRedisNotices(redis, { instanceId, onWritten: bus.written }));
  }
  const queueCounters = createQueueCounters();
  let worker: RunWorker | null = null;
  const wakeUps: WakeUps = {
    runsPending() {
      // What this process can take at once is nothing for the others.
      const hasRoom = worker?.wake() ?? false;
      if (!hasRoom) notifications.send({ kind: "runs_pending" });
    },
    cancelRequested() {
      worker?.checkCancels();
      notifications.send({ kind: "cancel_requested" });
    },
    runsEnded(runIds) {
      if (runIds.some(bus.isWatched)) settle();
      notifications.send({ kind: "runs_ended" });
    },
  };
  const services = bindServices({
    db,
    bus,
    engine,
    wakeUps,
    storeTtl: config.store.ttl,
    idempotencyTtlMs: environment.idempotencyTtlMs,
    queueCounters,
    requestFeedbackUrls: createFeedbackRequests(environment, log),
  });
  const settle = singleFlight(services.settleWatchedRuns, (error) =>
    log.warn({ err: error }, "could not look for ended runs"),
  );
  const notifications = started.use(
    openNotifications(environment.directDatabaseUrl ?? databaseUrl, {
      instanceId,
      notify: async (channel, payloads) => void (await db.query(NOTIFY, [channel, payloads])),
      onHearing: bus.setHearing,
      onPeer: bus.askAgain,
      onNotice: (notice) => {
        if (notice.kind === "runs_pending") worker?.wake();
        else if (notice.kind === "cancel_requested") worker?.checkCancels();
        else if (notice.kind === "events_written") bus.written(notice.written);
        else if (notice.kind === "events_wanted") bus.wanted(notice.wanted);
        else settle();
      },
      onError: (error) => log.warn({ err: error }, "notification connection lost"),
      onDeaf: () => log.warn(DEAF, "notices of other servers do not arrive"),
    }),
  );
  const workerStarted = (it: RunWorker) => {
    worker = it;
  };
  return { services, queueCounters, workerStarted };
}

const openEventLog = (db: Database, redis: Redis | null, environment: Environment): EventLog =>
  redis === null
    ? createEventLog(db)
    : createRedisEventLog(redis, {
        retentionMs: environment.resumableTtlMs,
        // No attempt goes on for longer.
        silenceMs: environment.runTimeoutMs,
      });

const DEAF = {
  effect:
    "This server looks for runs every second, and hears of cancels on other servers with the next renewal.",
  remedy:
    "DATABASE_URL seems to lead to a pooler that does not keep sessions. Set DATABASE_DIRECT_URL to the same database without it.",
};

interface HttpParts {
  readonly services: Services;
  readonly engine: Engine;
  readonly db: Database;
  readonly state: { readonly isReady: boolean };
}

function createHttpServer(
  started: ClosingStack,
  { config, environment, aegraVersion, role, log }: ServerOptions,
  { services, engine, db, state }: HttpParts,
) {
  const facts: HttpDeps["facts"] = {
    aegraVersion,
    langGraphVersion: engine.langGraphVersion,
    graphs: engine.graphs,
    isReady: () => state.isReady,
    async pingDatabase() {
      await db.query("select 1");
    },
  };
  const isUnavailable = (error: unknown) => isDatabaseUnavailable(error) || isRedisUnavailable(error);
  const deps = { services, log, facts, isUnavailable };
  const app =
    role === "worker"
      ? createProbeApp(deps)
      : createHttpApp(deps, {
          cors: { ...config.cors, ...corsOverride(environment) },
          maxBodyBytes: environment.maxBodyBytes,
          heartbeatMs: environment.heartbeatMs,
          configurableHeaders: config.configurableHeaders,
        });
  const http = createAdaptorServer({ fetch: app.fetch }) as import("node:http").Server;
  // By now the worker is gone, and with it whatever a connection could still wait for.
  started.defer(() => {
    http.close();
    http.closeAllConnections();
  });
  return http;
}

const corsOverride = ({ corsAllowOrigins }: Environment) =>
  corsAllowOrigins === null ? {} : { allow_origins: corsAllowOrigins };

const toUrl = (host: string, port: number): string =>
  // An address that means all of them is not one to connect to.
  `http://${host === "0.0.0.0" || host === "::" ? "localhost" : host.includes(":") ? `[${host}]` : host}:${port}`;
