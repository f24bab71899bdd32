import type { DockerEngine } from "../engine.ts";
import { hasStatus } from "../errors.ts";
import { createLogCursor, type LogCursor } from "./log-cursor.ts";
import type { LogSink } from "./log-event.ts";
import { mergeByTime } from "./merge-by-time.ts";
import { type LogQuery, readLogs, UnreadableLogError } from "./open-logs.ts";
import type { ServiceContainer } from "./project-containers.ts";
import type { LogLine } from "./read-log-lines.ts";

export interface HistoryRequest {
  readonly docker: DockerEngine;
  readonly query: LogQuery;
  /** Whether some lines are not wanted: the last ones are then counted among those that are. */
  readonly isFiltered: boolean;
  /** Whether the lines of all containers are put in order of time, or come container after container. */
  readonly merge: boolean;
  /** Only what was written before each container was last started. */
  readonly previous: boolean;
  readonly signal: AbortSignal;
}

/** Tells what containers have written so far. @returns how far each was read, by its id */
export async function tellHistory(
  request: HistoryRequest,
  containers: readonly ServiceContainer[],
  sink: LogSink,
): Promise<Map<string, LogCursor>> {
  const cursors = new Map(containers.map(({ id }) => [id, createLogCursor()]));
  const sequences = containers.map((container) =>
    readWanted(request, container, cursors.get(container.id) ?? createLogCursor(), sink),
  );
  const all = request.merge ? mergeByTime(sequences) : inTurn(sequences);
  for await (const { container, line } of all) {
    await sink.tell({ kind: "line", container, line, source: "history" });
  }
  return cursors;
}

interface WantedLine {
  readonly at: string;
  readonly container: ServiceContainer;
  readonly line: LogLine;
}

async function* readWanted(
  request: HistoryRequest,
  container: ServiceContainer,
  cursor: LogCursor,
  { keep, tell }: LogSink,
): AsyncGenerator<WantedLine> {
  const { tail } = request.query;
  const limit = request.isFiltered && tail !== "all" ? tail : null;
  const last: WantedLine[] = [];
  try {
    for await (const line of readPast(request, container.id, limit === null ? tail : "all")) {
      cursor.take(line);
      if (!keep(container, line)) continue;
      const wanted = { at: line.at, container, line };
      if (limit === null) yield wanted;
      else if (last.push(wanted) > limit) last.shift();
    }
  } catch (error) {
    if (!(error instanceof UnreadableLogError)) throw error;
    await tell({ kind: "unreadable", container, reason: error.message });
  }
  yield* last;
}

/** Nothing, when the container is gone. */
async function* readPast(
  { docker, query, previous, signal }: HistoryRequest,
  id: string,
  tail: LogQuery["tail"],
): AsyncGenerator<LogLine> {
  try {
    const { State: state, Config: config } = await docker.getContainer(id).inspect();
    const until = previous ? toInstant(state.StartedAt) : query.until;
    yield* readLogs(docker, id, { ...query, until, tail, follow: false, isTerminal: config.Tty, signal });
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
}

async function* inTurn<T>(sequences: readonly AsyncIterable<T>[]): AsyncGenerator<T> {
  for (const sequence of sequences) yield* sequence;
}

const toInstant = (time: string): string => (Date.parse(time) / 1000).toFixed(9);
