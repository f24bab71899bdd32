import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { StartOptions } from "../../server/main.ts";
import { EXIT } from "../errors.ts";
import type { Order, Report, StartFailure } from "./messages.ts";

export interface ServerProcess {
  /** Null when the process could not be created. */
  readonly pid: number | null;
  /** What the process said about its start; a failure too when it ended before it said anything. */
  readonly started: Promise<Report>;
  /** Resolves when the process is gone, with how it ended: `exit code 1`, `SIGKILL`. */
  readonly ended: Promise<string>;
  /** Lets it hand back its runs and end; one that does not is ended by force. */
  stop(): Promise<void>;
  /** Ends it at once. Its runs are taken over by the next one. */
  kill(): void;
}

export interface ServerProcessOptions {
  readonly start: StartOptions;
  /** Flags of Node, such as `--inspect=9229`. */
  readonly nodeFlags: readonly string[];
  /** Where its log goes. */
  readonly logTo: "stdout" | "stderr";
}

const STOP_MS = 10_000;
const LOADING_STOP_MS = 2000;
// The sources run as they are, the package as compiled: the file beside this one has the same extension.
export const SERVER_PROCESS = fileURLToPath(
  new URL(`./server-process${extname(import.meta.url)}`, import.meta.url),
);

/** Starts the server in a process of its own. */
export function startServerProcess({ start, nodeFlags, logTo }: ServerProcessOptions): ServerProcess {
  const inherited = process.execArgv.filter((flag) => !flag.startsWith("--inspect"));
  const child = fork(SERVER_PROCESS, [], {
    cwd: start.cwd,
    execArgv: [...inherited, ...nodeFlags],
    stdio: ["ignore", logTo === "stdout" ? "inherit" : 2, "inherit", "ipc"],
  });
  return superviseServerProcess(child, start, STOP_MS);
}

/**
 * Starts the server in a process that runs SERVER_PROCESS.
 *
 * @param stopMs how long a server that serves may take to stop
 */
export function superviseServerProcess(
  child: ChildProcess,
  start: StartOptions,
  stopMs: number,
): ServerProcess {
  const started = Promise.withResolvers<Report>();
  const ended = Promise.withResolvers<string>();
  let hasStarted = false;

  const end = (how: string) => {
    started.resolve({ type: "failed", failure: toFailure(how) });
    ended.resolve(how);
  };
  child.once("error", (error) => end(error.message));
  child.once("exit", (code, signal) => end(signal ?? `exit code ${code}`));
  child.on("message", (report: Report) => {
    hasStarted = true;
    started.resolve(report);
  });

  const send = (order: Order) => {
    // One that is ending has closed its channel; `ended` tells.
    if (child.connected) child.send(order, () => undefined);
  };
  send({ type: "start", options: start });

  return {
    pid: child.pid ?? null,
    started: started.promise,
    ended: ended.promise,
    async stop() {
      const asked = new AbortController();
      send({ type: "stop" });
      // Before it serves there is nothing to hand back, and a graph may wait for ever while it is loaded.
      const killed = sleep(hasStarted ? stopMs : LOADING_STOP_MS, undefined, { signal: asked.signal }).then(
        () => child.kill("SIGKILL"),
        () => undefined,
      );
      await ended.promise;
      asked.abort();
      await killed;
    },
    kill: () => void child.kill("SIGKILL"),
  };
}

const toFailure = (how: string): StartFailure => ({
  code: "SERVER_CRASHED",
  message: `The server ended while it was starting (${how}).`,
  suggestions: [
    "What it printed above says why. A graph that calls process.exit() when it is loaded does this too.",
  ],
  exitCode: EXIT.bug,
  stack: null,
});
