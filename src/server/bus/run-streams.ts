import { RunEventsDropped } from "../domain/events-dropped.ts";
import type { RunEvent, RunResult } from "../domain/run.ts";
import { type Bell, createBell } from "./bell.ts";
import { createEventBuffer, type EventBuffer } from "./event-buffer.ts";
import { type FollowOptions, firstSeq, type RunEvents } from "./run-bus.ts";

export interface RunningLimits {
  /** Most bytes of events of one run. */
  readonly maxRunBytes: number;
  /** Most bytes of events of all runs that go on. */
  readonly maxRunningBytes: number;
  /** Told before a run that goes on loses its oldest events here. */
  readonly beforeDrop?: (runId: string) => void;
}

/** The events of one run, and those who watch it. */
export interface RunStream {
  readonly runId: string;
  readonly buffer: EventBuffer;
  readonly bell: Bell;
  /** Number of the next event. */
  nextSeq: number;
  /** How many follow the run or wait for its end. */
  watchers: number;
  /** Whether this process executes the run. */
  isWritten: boolean;
  /** Whether this process has told events of the run: what it has of them may be nowhere else. */
  isOwn: boolean;
  /** Whether what this process tells of the run is written to the log. */
  isLogged: boolean;
  /** Null until this process has begun the run. */
  threadId: string | null;
  /** The last attempt that this process has begun; null before. */
  attempt: number | null;
  result: RunResult | null;
}

/** Most bytes that a reader takes along at a time: what a client that does not read leaves lying about. */
const MAX_BATCH_BYTES = 256 * 1024;

/** At the limit, so much goes at once: to make room event by event would move the others each time. */
const DROPPED_SHARE = 1 / 8;

export const createRunStream = (runId: string): RunStream => ({
  runId,
  buffer: createEventBuffer(),
  bell: createBell(),
  nextSeq: firstSeq(1),
  watchers: 0,
  isWritten: false,
  isOwn: false,
  isLogged: false,
  threadId: null,
  attempt: null,
  result: null,
});

/** Reads a stream from a place to its end, also when it is forgotten meanwhile. */
export async function* readStream(stream: RunStream, { after, signal }: FollowOptions): RunEvents {
  const { buffer, bell } = stream;
  let seq = after ?? buffer.droppedSeq;
  while (!signal.aborted) {
    if (seq < buffer.droppedSeq) throw new RunEventsDropped(buffer.droppedSeq);
    const batch = buffer.read(seq, MAX_BATCH_BYTES);
    const last = batch.at(-1);
    if (last !== undefined) {
      yield batch;
      seq = last.seq;
    } else if (stream.result !== null) {
      return;
    } else {
      await bell.wait(signal);
    }
  }
}

/** Adds to the streams of runs that go on, and keeps them within their limits. */
export function createRunningStreams({ maxRunBytes, maxRunningBytes, beforeDrop }: RunningLimits) {
  const running = new Set<RunStream>();
  let usedBytes = 0;

  const drop = ({ runId, buffer }: RunStream, bytes: number) => {
    beforeDrop?.(runId);
    const before = buffer.sizeBytes;
    buffer.dropOldest(bytes);
    usedBytes -= before - buffer.sizeBytes;
    return before - buffer.sizeBytes;
  };

  return {
    add(stream: RunStream, event: RunEvent): void {
      const { buffer } = stream;
      const before = buffer.sizeBytes;
      buffer.add(event);
      running.add(stream);
      usedBytes += buffer.sizeBytes - before;
      if (buffer.sizeBytes > maxRunBytes) drop(stream, buffer.sizeBytes - maxRunBytes * (1 - DROPPED_SHARE));
      while (usedBytes > maxRunningBytes) {
        const largest = largestOf(running);
        if (largest === null || drop(largest, largest.buffer.sizeBytes * DROPPED_SHARE) === 0) break;
      }
    },

    /** The stream has ended or is forgotten, and counts no longer. */
    remove(stream: RunStream): void {
      if (running.delete(stream)) usedBytes -= stream.buffer.sizeBytes;
    },
  };
}

function largestOf(streams: Iterable<RunStream>): RunStream | null {
  let largest: RunStream | null = null;
  for (const stream of streams) {
    if (stream.buffer.sizeBytes > (largest?.buffer.sizeBytes ?? 0)) largest = stream;
  }
  return largest;
}
