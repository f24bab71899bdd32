import type { ServiceContainer } from "../../docker/logs/project-containers.ts";
import type { LogLine } from "../../docker/logs/read-log-lines.ts";
import { isAtLeast, type Level, type LogRecord, toLogRecord } from "./log-record.ts";

/** Which lines are wanted; what is null says nothing about it. */
export interface LineWishes {
  readonly level: Level | null;
  readonly grep: RegExp | null;
  /** Id of a run or thread, or its beginning. */
  readonly run: string | null;
  readonly thread: string | null;
}

/** Whether some lines may not be wanted. */
export const isFilter = (wishes: LineWishes): boolean => Object.values(wishes).some((wish) => wish !== null);

/** Decides about lines, which have to come in the order of their container. */
export function createLineFilter(wishes: LineWishes) {
  const { level: least, grep, run, thread } = wishes;
  const levels = new Map<string, Level>();
  return ({ id }: ServiceContainer, line: LogLine): boolean => {
    const record = least === null && run === null && thread === null ? null : toLogRecord(line.text);
    if (record !== null && least !== null) {
      const key = `${id} ${line.stream}`;
      const level = toLevel(record, line, levels.get(key));
      levels.set(key, level);
      if (!isAtLeast(level, least)) return false;
    }
    return (
      (run === null || isAbout(record, "run_id", run)) &&
      (thread === null || isAbout(record, "thread_id", thread)) &&
      (grep === null || grep.test(line.text))
    );
  };
}

/** What says no level goes on with the line before it when it is indented, like a stack; else the stream decides. */
function toLevel({ level }: LogRecord, { stream, text }: LogLine, before: Level | undefined): Level {
  if (level !== null) return level;
  if (before !== undefined && /^[\t ]/.test(text)) return before;
  return stream === "stderr" ? "error" : "info";
}

function isAbout(record: LogRecord | null, field: "run_id" | "thread_id", id: string): boolean {
  const value = record?.fields?.[field];
  return typeof value === "string" && value.startsWith(id.toLowerCase());
}
