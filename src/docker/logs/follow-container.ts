import { setTimeout as sleep } from "node:timers/promises";
import type { DockerEngine } from "../engine.ts";
import { hasStatus } from "../errors.ts";
import type { ContainerEvent } from "./container-events.ts";
import type { LogCursor } from "./log-cursor.ts";
import type { LogSink } from "./log-event.ts";
import { type LogQuery, readLogs, UnreadableLogError } from "./open-logs.ts";
import type { ServiceContainer } from "./project-containers.ts";

/** Follows one container through its starts and stops. */
export interface ContainerFollower {
  readonly container: ServiceContainer;
  /** Reads on until it stops. Everything is done in turn: what happens next is told after the last line. */
  read(signal: AbortSignal): void;
  /** Tells an event, and reads on after a start. */
  handle(event: ContainerEvent, signal: AbortSignal): void;
  /** Tells that it has ended while nobody was told. */
  readToItsEnd(signal: AbortSignal): void;
  isRunning(): boolean;
  /** Resolves when all that was asked for is done. */
  settled(): Promise<void>;
}

export interface FollowerOptions {
  readonly docker: DockerEngine;
  readonly query: LogQuery;
  readonly container: ServiceContainer;
  readonly cursor: LogCursor;
  readonly sink: LogSink;
  /** Called when it has been told that the container has stopped, and it is not about to be started again. */
  readonly onStopped: () => void;
  /** Called with what nobody expected; nothing is told after it. */
  readonly onFailed: (error: unknown) => void;
}

/** Between two attempts to read the log of a container that runs, where the engine has ended the first. */
const REOPEN_MS = 250;

export function followContainer(options: FollowerOptions): ContainerFollower {
  const { docker, container, sink, onStopped, onFailed } = options;
  let chain: Promise<void> = Promise.resolve();
  let readStart = "";
  let running = false;
  let isOom = false;
  const inTurn = (signal: AbortSignal, work: () => Promise<void>) => {
    chain = chain.then(() => (signal.aborted ? undefined : work())).catch(onFailed);
  };

  const read = async (signal: AbortSignal): Promise<void> => {
    for (;;) {
      const facts = await inspect(docker, container.id);
      if (facts === null) return;
      readStart = facts.State.StartedAt;
      running = true;
      await tellLines(options, facts.Config.Tty, signal);
      if (signal.aborted || !(await isStillRunning())) return;
      await sleep(REOPEN_MS, undefined, { signal }).catch(() => undefined);
    }
  };
  /** Otherwise it has stopped, or is another start, of which there is an event. */
  const isStillRunning = async () => {
    const state = (await inspect(docker, container.id))?.State;
    return state?.Running === true && state.StartedAt === readStart;
  };
  const exited = async (ts: string, exitCode: number | null) => {
    await sink.tell({ kind: "exited", container, ts, exitCode, oom: isOom });
    isOom = false;
    const state = (await inspect(docker, container.id))?.State;
    running = state !== undefined && (state.Running || state.Restarting);
    if (!running) onStopped();
  };

  const started = async (ts: string, signal: AbortSignal) => {
    // The log of this start was read already, when its event comes after the container was found.
    const facts = await inspect(docker, container.id);
    if (facts === null || facts.State.StartedAt === readStart) return;
    await sink.tell({ kind: "started", container, ts });
    await read(signal);
  };

  return {
    container,
    read(signal) {
      running = true;
      inTurn(signal, () => read(signal));
    },
    readToItsEnd: (signal) =>
      inTurn(signal, async () => {
        await read(signal);
        const state = (await inspect(docker, container.id))?.State;
        if (state !== undefined && !state.Running) await exited(state.FinishedAt, state.ExitCode);
      }),
    handle: ({ action, ts, exitCode }, signal) =>
      inTurn(signal, async () => {
        if (action === "oom") isOom = true;
        else if (action === "die") await exited(ts, exitCode);
        else if (action === "destroy") await sink.tell({ kind: "removed", container, ts });
        else await started(ts, signal);
      }),
    isRunning: () => running,
    settled: () => chain,
  };
}

async function tellLines(
  { docker, query, container, cursor, sink }: FollowerOptions,
  isTerminal: boolean,
  signal: AbortSignal,
): Promise<void> {
  const since = cursor.since() ?? query.since;
  cursor.rewind();
  const asked = { ...query, since, until: null, tail: "all" as const, follow: true, isTerminal, signal };
  try {
    for await (const line of readLogs(docker, container.id, asked)) {
      if (!cursor.take(line) || !sink.keep(container, line)) continue;
      await sink.tell({ kind: "line", container, line, source: "live" });
    }
  } catch (error) {
    if (error instanceof UnreadableLogError) {
      await sink.tell({ kind: "unreadable", container, reason: error.message });
      return;
    }
    // A broken connection: read again where it ended, here or, when the engine is gone, once it is back.
    if (!isConnectionError(error) && !hasStatus(error, 404) && !signal.aborted) throw error;
  }
}

/** @returns null when it is gone, or the engine is */
async function inspect(docker: DockerEngine, id: string) {
  try {
    return await docker.getContainer(id).inspect();
  } catch (error) {
    if (hasStatus(error, 404) || isConnectionError(error)) return null;
    throw error;
  }
}

/** Whether it is about the connection to the engine, not about what the engine has answered. */
export const isConnectionError = (error: unknown): boolean =>
  error instanceof Error && !("statusCode" in error) && "code" in error && typeof error.code === "string";
