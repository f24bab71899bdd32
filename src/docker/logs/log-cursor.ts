import type { LogLine } from "./read-log-lines.ts";

/** How far the log of a container was read. */
export interface LogCursor {
  /** What to ask the engine for, so that nothing is missed: `since`, or null before the first line. */
  since(): string | null;
  /** To be called when the log is read again, from {@link since} on. */
  rewind(): void;
  /** To be called with each line, in order. @returns whether it was not taken before */
  take(line: LogLine): boolean;
}

/**
 * How far back reading starts again. The two streams of a container get their timestamps apart from each other, so
 * that a line may be older than the one before it; and some engines know whole seconds only.
 */
const OVERLAP_SECONDS = 1;

/**
 * Makes reading a log in several parts like reading it once. The engine can be asked for all lines since a moment,
 * which gives some of them twice. They come in the order in which they were written, and so are known again.
 */
export function createLogCursor(): LogCursor {
  /** The lines of the overlap, oldest first, and older ones that were not cleared away yet. */
  let recent: LogLine[] = [];
  let from = "";
  let sizeToClear = 1000;
  let replay: Replay | null = null;

  return {
    since: () => (recent.length === 0 ? null : from),
    rewind() {
      recent = recent.filter(({ at }) => at >= from);
      replay = recent.length === 0 ? null : startReplay(recent, from);
    },
    take(line) {
      if (replay?.isKnown(line)) {
        if (replay.isOver()) replay = null;
        return false;
      }
      recent.push(line);
      from = before(line.at);
      if (recent.length > sizeToClear) {
        recent = recent.filter(({ at }) => at >= from);
        sizeToClear = recent.length * 2 + 1000;
      }
      return true;
    },
  };
}

interface Replay {
  isKnown(line: LogLine): boolean;
  isOver(): boolean;
}

function startReplay(recent: readonly LogLine[], from: string): Replay {
  const missing = new Map<string, number>();
  for (const line of recent) missing.set(keyOf(line), (missing.get(keyOf(line)) ?? 0) + 1);
  const lastAt = recent.at(-1)?.at ?? "";
  let hasBegun = false;
  return {
    isKnown(line) {
      const key = keyOf(line);
      const times = missing.get(key);
      if (times !== undefined) {
        hasBegun = true;
        if (times === 1) missing.delete(key);
        else missing.set(key, times - 1);
        return true;
      }
      // What precedes the first known line was taken, or left out on purpose, such as by a limit.
      return missing.size > 0 && (line.at < from || (!hasBegun && line.at <= lastAt));
    },
    isOver: () => missing.size === 0,
  };
}

const keyOf = ({ stream, at, text }: LogLine): string => `${at} ${stream} ${text}`;

function before(at: string): string {
  const [seconds = "", nanoseconds = "0"] = at.split(".");
  return `${Math.max(0, Number(seconds) - OVERLAP_SECONDS)}.${nanoseconds}`;
}
