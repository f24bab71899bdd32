import { type Frame, readFrames, type StreamName } from "./read-frames.ts";

/** A line that a container has written, without its end. */
export interface LogLine {
  readonly stream: StreamName;
  /** When, as the engine writes it; empty where it says nothing. */
  readonly ts: string;
  /** The same as seconds and nanoseconds, `1763846980.000000001`: can be compared, and asked for with `since`. */
  readonly at: string;
  readonly text: string;
}

/** What comes without an end is cut here, so that a container cannot fill the memory of who reads it. */
const MAX_LINE_BYTES = 1024 * 1024;

const NEWLINE = 0x0a;
const TIMESTAMP = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)(?: |$)/;
const MAX_TIMESTAMP_BYTES = 37;

interface OpenLine {
  parts: Buffer[];
  bytes: number;
}

/**
 * Reads the log of a container that was asked for with timestamps.
 * When the connection breaks within a line, that line is not told: reading on tells the whole of it.
 *
 * @param isTerminal whether the container has a terminal: then the engine sends no frames
 */
export async function* readLogLines(
  chunks: AsyncIterable<Buffer>,
  isTerminal: boolean,
): AsyncGenerator<LogLine> {
  const open: Record<StreamName, OpenLine> = {
    stdout: { parts: [], bytes: 0 },
    stderr: { parts: [], bytes: 0 },
  };
  let last = { ts: "", at: "" };
  const finish = (stream: StreamName): LogLine => {
    const { parts } = open[stream];
    open[stream] = { parts: [], bytes: 0 };
    const line = toLine(stream, Buffer.concat(parts).toString("utf8"), last);
    last = line;
    return line;
  };

  for await (const { stream, data } of isTerminal ? toFrames(chunks) : readFrames(chunks)) {
    // Every part of a long message has a timestamp of its own; only the first is that of the line.
    let rest = !isTerminal && open[stream].bytes > 0 ? withoutTimestamp(data) : data;
    for (let end = rest.indexOf(NEWLINE); end >= 0; end = rest.indexOf(NEWLINE)) {
      open[stream].parts.push(rest.subarray(0, end));
      yield finish(stream);
      rest = rest.subarray(end + 1);
    }
    if (rest.length === 0) continue;
    open[stream].parts.push(rest);
    open[stream].bytes += rest.length;
    if (open[stream].bytes > MAX_LINE_BYTES) yield finish(stream);
  }
  for (const stream of ["stdout", "stderr"] as const) {
    if (open[stream].bytes > 0) yield finish(stream);
  }
}

async function* toFrames(chunks: AsyncIterable<Buffer>): AsyncGenerator<Frame> {
  for await (const data of chunks) yield { stream: "stdout", data };
}

function toLine(stream: StreamName, written: string, last: { ts: string; at: string }): LogLine {
  const match = TIMESTAMP.exec(written);
  const text = (match === null ? written : written.slice(match[0].length)).replace(/\r$/, "");
  if (match === null) return { stream, ts: last.ts, at: last.at, text };
  return { stream, ts: match[0].trimEnd(), at: toInstant(match), text };
}

function toInstant([, seconds, nanoseconds = "", zone]: RegExpExecArray): string {
  const epochSeconds = Date.parse(`${seconds}${zone}`) / 1000;
  return `${epochSeconds}.${nanoseconds.padEnd(9, "0")}`;
}

function withoutTimestamp(data: Buffer): Buffer {
  const match = TIMESTAMP.exec(data.toString("latin1", 0, MAX_TIMESTAMP_BYTES));
  return match === null ? data : data.subarray(match[0].length);
}
