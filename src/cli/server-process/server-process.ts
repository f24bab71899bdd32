// The process that `aegra dev` runs the server in, and replaces when a file changes; `aegra serve --workers` has several.
import cluster from "node:cluster";
import process from "node:process";
import type { StartOptions, startAegra } from "../../server/main.ts";
import { toCliError } from "../to-cli-error.ts";
import type { Order, Report } from "./messages.ts";

/** A parent that is gone cannot end this process by force when a graph does not let it stop. */
const ORPHAN_MS = 10_000;

type RunningServer = Awaited<ReturnType<typeof startAegra>>;

function obeySupervisor(): void {
  let starting: Promise<RunningServer | null> = Promise.resolve(null);
  let stopping = false;
  let isProduction = false;

  const stop = async () => {
    if (stopping) return;
    stopping = true;
    const server = await starting;
    await server?.[Symbol.asyncDispose]();
    // Whatever a graph has left running must not keep the process.
    process.exit(0);
  };
  const stopAlone = async () => {
    const giveUp = setTimeout(() => process.exit(1), ORPHAN_MS).unref();
    // Runs get the time that production gives them. A graph may still take for ever to be loaded.
    if (isProduction && (await starting) !== null) clearTimeout(giveUp);
    await stop();
  };

  process.on("message", (order: Order) => {
    if (order.type === "stop") return void stop();
    isProduction = order.options.mode === "serve";
    starting = start(order.options);
  });
  const { worker } = cluster;
  // Node would end one that has lost its primary at once, with runs that could be handed back.
  worker?.once("disconnect", () => {
    worker.exitedAfterDisconnect = true;
  });
  process.once("disconnect", () => void stopAlone());
  // Whoever signals a whole group of processes tells the supervisor too: it decides what a second one means.
  process.on("SIGTERM", () => void stopAlone());
  // The terminal sends them to this process too, but it is for the supervisor to decide what they mean.
  for (const signal of ["SIGINT", "SIGHUP", "SIGBREAK"]) process.on(signal, () => undefined);
}

async function start(options: StartOptions): Promise<RunningServer | null> {
  try {
    const { startAegra } = await import("../../server/main.ts");
    const server = await startAegra(options);
    const graphs = server.graphs.map(({ graph_id, error }) => ({ graph_id, error: error?.message ?? null }));
    report({
      type: "ready",
      server: { url: server.url, pid: process.pid, graphs, loadedFiles: server.loadedFiles },
    });
    return server;
  } catch (error) {
    const { code, message, suggestions, exitCode, cause } = toCliError(error);
    const stack = cause instanceof Error ? (cause.stack ?? null) : null;
    report({ type: "failed", failure: { code, message, suggestions, exitCode, stack } }, () =>
      process.exit(exitCode),
    );
    return null;
  }
}

/** @param whenSent called also when nobody is there any more to be told */
function report(message: Report, whenSent: () => void = () => undefined): void {
  if (process.send === undefined || !process.connected) whenSent();
  else process.send(message, undefined, undefined, whenSent);
}

obeySupervisor();
