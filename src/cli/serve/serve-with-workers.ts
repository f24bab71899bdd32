import { setTimeout as sleep } from "node:timers/promises";
import type { openLog, StartOptions } from "../../server/main.ts";
import type { Report, StartFailure } from "../server-process/messages.ts";
import { type ServerProcess, superviseServerProcess } from "../server-process/start-server-process.ts";
import { toStartError } from "../server-process/to-start-error.ts";
import { whenAborted } from "../when-aborted.ts";
import { openCluster } from "./open-cluster.ts";

export interface ServeOptions {
  readonly start: StartOptions;
  /** How many processes serve; two or more. */
  readonly workers: number;
  /** How long a process may take to stop before it is ended by force. */
  readonly stopMs: number;
  readonly stop: AbortSignal;
  readonly log: ReturnType<typeof openLog>;
}

export interface Serving {
  /** Resolves when it was asked to stop, and every process has. @throws CliError */
  readonly ended: Promise<void>;
  /** Ends every process at once. */
  kill(): void;
}

/** How long to wait before a process that ended is replaced; the last one again and again. */
const RETRY_MS = [100, 1000, 2000, 5000, 10_000] as const;
/** A process that has served for longer did not end because of how it was started. */
const STEADY_MS = 60_000;
/** Starts in a row that fail while nothing is served; then whoever has started the command should know. */
const MAX_FAILURES = 5;

/**
 * Serves with several processes on one port, and replaces those that end. The first one goes ahead: it upgrades the
 * tables, and what keeps it from starting would keep the others too, and is told once.
 */
export function serveWithWorkers(options: ServeOptions): Serving {
  const crew = createCrew(options);
  return { ended: serve(crew, options), kill: crew.kill };
}

async function serve(crew: Crew, { workers, stop, log }: ServeOptions): Promise<void> {
  const closing = new AbortController();
  const signal = AbortSignal.any([stop, closing.signal]);
  const stopped = whenAborted(signal);
  const serveFrom = async (first: ServerProcess) => {
    const said = await first.started;
    if (signal.aborted) return;
    if (said.type === "failed") throw toStartError(said.failure);
    const others = Array.from({ length: workers - 1 }, () => crew.start());
    void Promise.all(others.map(({ started }) => started)).then((all) => {
      const isComplete = !signal.aborted && all.every(({ type }) => type === "ready");
      if (isComplete) log.info({ url: said.server.url, workers }, "all server processes ready");
    });
    await Promise.all([first, ...others].map((server) => keep(crew, server, { signal, log })));
  };
  try {
    await Promise.race([serveFrom(crew.start()), stopped]);
  } finally {
    closing.abort();
    await crew.stop();
  }
}

/** Keeps one of the processes, and then its successors, until the signal. @throws CliError when none serves, and none starts */
async function keep(
  crew: Crew,
  first: ServerProcess,
  { signal, log }: { readonly signal: AbortSignal; readonly log: ServeOptions["log"] },
): Promise<void> {
  let server = first;
  for (let tries = 0; ; tries++) {
    const said = await server.started;
    const servedMs = performance.now();
    const how = await server.ended;
    if (signal.aborted) return;
    if (said.type === "failed") crew.requireHope(said.failure);
    if (said.type === "ready" && performance.now() - servedMs > STEADY_MS) tries = 0;
    const retryMs = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)] ?? 0;
    log.error({ ended_pid: server.pid, how, ...reasonOf(said), retry_ms: retryMs }, "server process ended");
    await sleep(retryMs, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    server = crew.start();
  }
}

interface Crew {
  start(): ServerProcess;
  /** @throws CliError when this was one failure too many */
  requireHope(failure: StartFailure): void;
  /** Resolves when no process is left. */
  stop(): Promise<void>;
  kill(): void;
}

/** All processes that there are. */
function createCrew({ start, stopMs, log }: ServeOptions): Crew {
  const fork = openCluster(start.cwd);
  const living = new Set<ServerProcess>();
  const serving = new Set<ServerProcess>();
  let hasStarted = false;
  let failures = 0;
  let port = start.port;
  let servedPort = start.port;

  const ready = (server: ServerProcess, url: string) => {
    serving.add(server);
    failures = 0;
    servedPort = Number(new URL(url).port);
  };
  return {
    start() {
      // While any is left, the others have to name the port as it did: 0 is the one that it got.
      if (living.size === 0) port = servedPort;
      const server = superviseServerProcess(
        fork(),
        { ...start, port, migrate: start.migrate && !hasStarted },
        stopMs,
      );
      hasStarted = true;
      living.add(server);
      void server.started.then((said) => {
        if (said.type === "ready") ready(server, said.server.url);
        else failures += 1;
      });
      void server.ended.then(() => {
        living.delete(server);
        serving.delete(server);
      });
      return server;
    },
    requireHope(failure) {
      if (serving.size === 0 && failures >= MAX_FAILURES) throw toStartError(failure);
    },
    async stop() {
      const stopping = [...living].map(async (server) => {
        await server.stop();
        const how = await server.ended;
        if (how === "SIGKILL") log.error({ ended_pid: server.pid }, "server process did not stop in time");
      });
      await Promise.all(stopping);
    },
    kill() {
      for (const server of living) server.kill();
    },
  };
}

const reasonOf = (said: Report) => (said.type === "failed" ? { reason: said.failure.message } : {});
