import process from "node:process";
import { Listr, ListrLogger, ProcessOutput } from "listr2";
import type { BuildEvent } from "../docker/build-events.ts";

export type Progress = "auto" | "plain" | "json" | "none";

/** Tells how a build goes on, on stderr; with `json` on stdout, an event a line. */
export async function withBuildProgress<T>(
  progress: Progress,
  title: string,
  build: (onEvent: (event: BuildEvent) => void) => Promise<T>,
): Promise<T> {
  if (progress === "none") return build(() => undefined);
  if (progress === "json") {
    return build((event) => void process.stdout.write(`${JSON.stringify({ event: "build", ...event })}\n`));
  }
  return progress === "auto" && process.stderr.isTTY ? withSpinner(title, build) : withLines(build);
}

async function withSpinner<T>(
  title: string,
  build: (onEvent: (event: BuildEvent) => void) => Promise<T>,
): Promise<T> {
  let result: { readonly value: T } | null = null;
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  await new Listr(
    [
      {
        title,
        task: async (_context, task) => {
          const value = await build((event) => {
            if (event.kind === "started") task.output = event.step;
            if (event.kind === "log") task.output = event.line;
          });
          result = { value };
        },
      },
    ],
    // The command decides what Ctrl-C does, and prints the error; listr2 would do both on its own.
    { registerSignalListeners: false, rendererOptions: { logger, showErrorMessage: false } },
  ).run();
  if (result === null) throw new Error("the build ended without a result");
  return (result as { readonly value: T }).value;
}

/** What takes long says nothing on its own: a line tells that it is not stuck. */
const QUIET_MS = 10_000;

function withLines<T>(build: (onEvent: (event: BuildEvent) => void) => Promise<T>): Promise<T> {
  const startedAtMs = performance.now();
  const running = new Set<string>();
  let toldAtMs = startedAtMs;
  const tell = (text: string) => {
    toldAtMs = performance.now();
    const seconds = ((toldAtMs - startedAtMs) / 1000).toFixed(2).padStart(6);
    process.stderr.write(`[${seconds}s] ${text}\n`);
  };
  const timer = setInterval(() => {
    if (performance.now() - toldAtMs >= QUIET_MS) tell(`still at ${[...running].join(", ")}`);
  }, QUIET_MS / 2);
  return build((event) => {
    if (event.kind === "started") running.add(event.step);
    else if ("step" in event && event.kind !== "log") running.delete(event.step);
    const line = toLine(event);
    if (line !== null) tell(line);
  }).finally(() => clearInterval(timer));
}

function toLine(event: BuildEvent): string | null {
  if (event.kind === "done") return `done    ${event.step} (${(event.durationMs / 1000).toFixed(1)} s)`;
  if (event.kind === "cached" || event.kind === "failed") return `${event.kind.padEnd(8)}${event.step}`;
  return null;
}
