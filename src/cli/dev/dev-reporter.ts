import { relative } from "node:path";
import process from "node:process";
import type { DevDatabase } from "../../database/dev-database.ts";
import { toErrorText } from "../error-output.ts";
import type { ServedProject, StartFailure } from "../server-process/messages.ts";

/** Tells the user, or the program that started the command, what is going on. */
export interface DevReporter {
  ready(server: ServedProject): void;
  reloading(file: string): void;
  /** The server does not start; the next change of a file is another try. */
  failed(failure: StartFailure): void;
  crashed(how: string, retryMs: number): void;
  stopped(): void;
}

export interface ReporterOptions {
  /** Paths are told relative to it. */
  readonly root: string;
  readonly database: Pick<DevDatabase, "kind" | "description">;
  readonly reloads: boolean;
  /** Prints what is not the result; silent when the user wants it so. */
  readonly status: (line: string) => void;
}

/** One JSON object a line, on stdout. */
export function createJsonReporter({ root, database }: ReporterOptions): DevReporter {
  const { kind, description } = database;
  const print = (event: object) => void process.stdout.write(`${JSON.stringify(event)}\n`);
  return {
    ready: ({ url, pid, graphs }) =>
      print({ event: "ready", url, pid, database: { kind, description }, graphs }),
    reloading: (file) => print({ event: "reloading", file: relative(root, file) }),
    failed: ({ code, message, suggestions }) =>
      print({ event: "failed", error: { code, message, suggestions } }),
    crashed: (reason, retryMs) => print({ event: "crashed", reason, retry_in_ms: retryMs }),
    stopped: () => print({ event: "stopped" }),
  };
}

/** For people: where the server is goes to stdout, everything else to stderr. */
export function createTextReporter({ root, database, reloads, status }: ReporterOptions): DevReporter {
  let url: string | null = null;
  return {
    ready(server) {
      if (url === server.url) status("Ready again.");
      else process.stdout.write(toSummary(server, database, reloads));
      url = server.url;
      const failed = server.graphs.filter(({ error }) => error !== null);
      for (const { error } of failed) process.stderr.write(`Not served: ${error}\n`);
    },
    reloading: (file) => status(`${relative(root, file)} changed: restarting the server.`),
    failed: (failure) => {
      process.stderr.write(`${toErrorText(failure)}\n`);
      status("Waiting for a change.");
    },
    crashed: (how, retryMs) =>
      void process.stderr.write(
        `Error: The server ended by itself (${how}). Starting it again in ${retryMs / 1000} s.\n`,
      ),
    stopped: () => status("Stopped."),
  };
}

function toSummary(
  { url, graphs }: ServedProject,
  { description }: Pick<DevDatabase, "description">,
  reloads: boolean,
): string {
  const served = graphs.filter(({ error }) => error === null).map(({ graph_id }) => graph_id);
  const lines = [
    "",
    `  Server    ${url}`,
    `  Graphs    ${served.length === 0 ? "none" : served.join(", ")}`,
    `  Database  ${description}`,
    "",
    `  ${reloads ? "Restarts when a file changes. " : ""}Stop with Ctrl-C.`,
    "",
  ];
  return lines.map((line) => `${line}\n`).join("");
}
