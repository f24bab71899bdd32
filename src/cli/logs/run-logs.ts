import process from "node:process";
import { stripVTControlCharacters } from "node:util";
import type { DockerEngine } from "../../docker/engine.ts";
import { followLogs } from "../../docker/logs/follow-logs.ts";
import type { LogEvent, LogSink } from "../../docker/logs/log-event.ts";
import type { LogQuery } from "../../docker/logs/open-logs.ts";
import { type ContainerSelection, listProjectContainers } from "../../docker/logs/project-containers.ts";
import { tellHistory } from "../../docker/logs/read-history.ts";
import { CliError, EXIT } from "../errors.ts";
import { type LineFormat, paintFor } from "./format-line.ts";
import { createLineFilter, isFilter, type LineWishes } from "./log-filter.ts";
import { createTextPrinter, toJsonLine } from "./log-printer.ts";
import { openOutput } from "./open-output.ts";

export interface LogsRequest {
  readonly docker: DockerEngine;
  readonly selection: ContainerSelection;
  readonly wishes: LineWishes;
  readonly query: LogQuery;
  readonly follow: boolean;
  readonly exitOnStop: boolean;
  readonly merge: boolean;
  readonly previous: boolean;
  readonly format: "pretty" | "raw" | "json";
  readonly timestamps: LineFormat["timestamps"];
  readonly hasPrefix: boolean;
  readonly signal: AbortSignal;
  /** What is going on, apart from the log. */
  readonly onStatus: (line: string) => void;
  readonly onWarning: (message: string) => void;
}

/**
 * Writes the logs of a project to stdout, until its end, the signal or the reader's leaving.
 *
 * @throws CliError `NO_CONTAINERS` when there is nothing to show and nothing is waited for
 */
export async function runLogs(request: LogsRequest): Promise<void> {
  const { docker, selection, follow, wishes, query } = request;
  const output = openOutput(process.stdout, request.signal);
  const print = createPrinter(request);
  const unreadable = new Set<string>();
  const sink: LogSink = {
    keep: createLineFilter(wishes),
    async tell(event) {
      if (event.kind === "unreadable") {
        if (unreadable.has(event.container.id)) return;
        unreadable.add(event.container.id);
      }
      tellApart(event, request);
      const text = print(event);
      if (text !== null) await output.write(text);
    },
  };
  const signal = AbortSignal.any([request.signal, output.closed]);
  const { merge, previous, exitOnStop } = request;
  const history = { docker, query, merge, previous, signal, isFiltered: isFilter(wishes) };
  try {
    if (follow) {
      await followLogs({ ...history, selection, exitOnStop }, sink);
    } else {
      const containers = await listProjectContainers(docker, selection);
      if (containers.length === 0) throw await explainNothing(request);
      if (query.tail !== 0) await tellHistory(history, containers, sink);
    }
  } catch (error) {
    // Ended on purpose, in the middle of an answer of the engine.
    if (!signal.aborted) throw error;
  }
}

function createPrinter({ format, timestamps, hasPrefix }: LogsRequest): (event: LogEvent) => string | null {
  if (format === "json") return toJsonLine;
  const hasColors = process.stdout.isTTY && process.stdout.hasColors();
  const print = createTextPrinter({
    ...{ paint: paintFor(hasColors), isPretty: format === "pretty", timestamps, hasPrefix },
    nowMs: Date.now,
  });
  return (event) => {
    const text = print(event);
    return text === null || hasColors ? text : stripVTControlCharacters(text);
  };
}

/** What people should know and is not the log itself. */
function tellApart(event: LogEvent, { selection, format, onStatus, onWarning }: LogsRequest): void {
  if (event.kind === "unreadable") {
    onWarning(
      `The log of ${event.container.name} cannot be read: ${event.reason}. Read it where its log driver sends it.`,
    );
  }
  if (format === "json") return;
  if (event.kind === "waiting") onStatus(`Waiting for containers of ${selection.project}…`);
  if (event.kind === "disconnected") onStatus(`Docker has gone away (${event.reason}); waiting for it…`);
  if (event.kind === "reconnected") onStatus("Docker is back.");
}

async function explainNothing({ docker, selection }: LogsRequest): Promise<CliError> {
  const { project, services, index } = selection;
  const all = await listProjectContainers(docker, { project, services: [], index: null });
  if (all.length === 0) {
    return new CliError(`There are no containers of the project ${project}.`, {
      code: "NO_CONTAINERS",
      exitCode: EXIT.config,
      suggestions: [
        "Start them: aegra up",
        "Name another project: --project NAME",
        "Wait for them: --follow",
      ],
    });
  }
  const known = [...new Set(all.map(({ service }) => service))].join(", ");
  const number = index === null ? "" : ` with the number ${index}`;
  return new CliError(`The project ${project} has no container of ${services.join(", ") || "it"}${number}.`, {
    code: "NO_CONTAINERS",
    exitCode: EXIT.usage,
    suggestions: [`Its services are ${known}.`],
  });
}
