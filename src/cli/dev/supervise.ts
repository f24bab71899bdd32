import { setTimeout as sleep } from "node:timers/promises";
import { CliError, EXIT } from "../errors.ts";
import type { ServedProject, StartFailure } from "../server-process/messages.ts";
import type { ServerProcess } from "../server-process/start-server-process.ts";
import { toStartError } from "../server-process/to-start-error.ts";
import { whenAborted } from "../when-aborted.ts";
import type { DevReporter } from "./dev-reporter.ts";
import type { ProjectWatch } from "./watch-project.ts";

export interface Supervision {
  /** Starts a server on what the project's files say now. Rejects with a CliError when they cannot be used. */
  start(): Promise<ServerProcess>;
  /** Says more about a failure than the server could. */
  explain(failure: StartFailure): Promise<StartFailure>;
  /** Null: the server is started once, and what ends it ends the supervision. */
  readonly watch: ProjectWatch | null;
  readonly report: DevReporter;
  readonly stop: AbortSignal;
  /** Told of the process that runs, so that it can be ended by force. */
  onProcess(server: ServerProcess): void;
}

/** How one process of the server came to its end. */
type End =
  | { readonly kind: "stopped" }
  | { readonly kind: "changed"; readonly file: string }
  | { readonly kind: "failed"; readonly failure: StartFailure }
  | { readonly kind: "crashed"; readonly how: string };

const RETRY_MS = [1000, 2000, 5000] as const;

/**
 * Keeps a server running until it is asked to stop: a new one after each change of the project, and after a
 * crash. One that cannot be started is reported, and tried again at the next change.
 *
 * @throws CliError when the very first one does not start, or there is nothing to watch and it crashes
 */
export async function supervise(supervision: Supervision): Promise<void> {
  const { watch, report, stop } = supervision;
  const stopped = whenAborted(stop);
  let hasServed = false;
  let crashes = 0;
  const onReady = (server: ServedProject) => {
    report.ready(server);
    watch?.include(server.loadedFiles);
    hasServed = true;
  };

  while (!stop.aborted) {
    watch?.reset();
    const end = await serveOnce(supervision, stopped, onReady);
    if (end.kind === "stopped") return;
    if (end.kind === "changed") {
      crashes = 0;
      continue;
    }
    if (watch === null || !hasServed) throw toError(end);
    const changed = watch.next().then(report.reloading);
    if (end.kind === "failed") {
      report.failed(end.failure);
      await Promise.race([changed, stopped]);
    } else {
      const retryMs = RETRY_MS[Math.min(crashes++, RETRY_MS.length - 1)] ?? 0;
      report.crashed(end.how, retryMs);
      await Promise.race([changed, stopped, sleep(retryMs)]);
    }
  }
}

async function serveOnce(
  supervision: Supervision,
  stopped: Promise<void>,
  onReady: (server: ServedProject) => void,
): Promise<End> {
  const { watch, report } = supervision;
  const interrupted: Promise<End> = Promise.race([
    stopped.then((): End => ({ kind: "stopped" })),
    ...(watch === null ? [] : [watch.next().then((file): End => ({ kind: "changed", file }))]),
  ]);
  const server = await supervision.start().catch(toFailure);
  if ("code" in server) return { kind: "failed", failure: server };
  supervision.onProcess(server);

  const served = server.started.then(async (said): Promise<End> => {
    if (said.type === "failed") {
      await server.ended;
      return { kind: "failed", failure: await supervision.explain(said.failure) };
    }
    onReady(said.server);
    return { kind: "crashed", how: await server.ended };
  });
  const end = await Promise.race([served, interrupted]);
  if (end.kind === "changed") report.reloading(end.file);
  await server.stop();
  return end;
}

function toFailure(error: unknown): StartFailure {
  if (!(error instanceof CliError)) throw error;
  const { code, message, suggestions, exitCode } = error;
  return { code, message, suggestions, exitCode, stack: null };
}

function toError(end: Extract<End, { readonly kind: "failed" | "crashed" }>): CliError {
  if (end.kind === "crashed") {
    return new CliError(`The server ended by itself (${end.how}).`, {
      code: "SERVER_CRASHED",
      exitCode: EXIT.bug,
      suggestions: ["What it printed above says why."],
    });
  }
  return toStartError(end.failure);
}
