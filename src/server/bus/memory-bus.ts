import type { RunEvent, RunResult } from "../domain/run.ts";
import { firstSeq, type RunBus } from "./run-bus.ts";

export interface MemoryBusOptions {
  /** How long the events of a finished run can still be read. */
  readonly retentionMs: number;
  /** Most bytes of events of finished runs to keep; the oldest go first. */
  readonly maxRetainedBytes: number;
}

interface Stream {
  readonly events: RunEvent[];
  readonly watchers: Set<() => void>;
  nextSeq: number;
  sizeBytes: number;
  wakeScheduled: boolean;
  /** Whether this process executes the run. */
  isWritten: boolean;
  result: RunResult | null;
}

/** The bus of one process. */
export function createMemoryBus({ retentionMs, maxRetainedBytes }: MemoryBusOptions): RunBus & Disposable {
  const streams = new Map<string, Stream>();
  const finished = new Map<string, NodeJS.Timeout>();
  let retainedBytes = 0;

  const streamOf = (runId: string): Stream => {
    const known = streams.get(runId);
    if (known !== undefined) return known;
    const created: Stream = {
      events: [],
      watchers: new Set(),
      nextSeq: firstSeq(1),
      sizeBytes: 0,
      wakeScheduled: false,
      isWritten: false,
      result: null,
    };
    streams.set(runId, created);
    return created;
  };

  const forget = (runId: string) => {
    retainedBytes -= streams.get(runId)?.sizeBytes ?? 0;
    clearTimeout(finished.get(runId));
    finished.delete(runId);
    streams.delete(runId);
  };

  const retain = (runId: string, stream: Stream) => {
    retainedBytes += stream.sizeBytes;
    finished.set(runId, setTimeout(forget, retentionMs, runId).unref());
    for (const oldest of finished.keys()) {
      if (retainedBytes <= maxRetainedBytes || oldest === runId) break;
      forget(oldest);
    }
  };

  /** Waits for the next change. A stream that nobody writes is dropped with its last watcher. */
  const changed = (runId: string, stream: Stream, signal: AbortSignal) =>
    new Promise<void>((resolve) => {
      const done = () => {
        stream.watchers.delete(done);
        signal.removeEventListener("abort", done);
        resolve();
      };
      stream.watchers.add(done);
      signal.addEventListener("abort", done);
      if (signal.aborted) done();
    }).finally(() => {
      if (stream.watchers.size === 0 && stream.events.length === 0 && stream.result === null) {
        if (signal.aborted && streams.get(runId) === stream) streams.delete(runId);
      }
    });

  return {
    begin(runId, attempt) {
      const stream = streamOf(runId);
      stream.nextSeq = Math.max(stream.nextSeq, firstSeq(attempt));
      stream.isWritten = true;
    },

    release(runId) {
      const stream = streams.get(runId);
      if (stream === undefined || stream.result !== null) return;
      stream.isWritten = false;
      const forgetUnless = () => {
        if (!stream.isWritten && isUnused(stream) && streams.get(runId) === stream) streams.delete(runId);
      };
      setTimeout(forgetUnless, retentionMs).unref();
    },

    append(runId, events) {
      const stream = streamOf(runId);
      if (stream.result !== null) return;
      for (const { event, data } of events) {
        stream.events.push({ seq: stream.nextSeq++, event, data });
        stream.sizeBytes += event.length + data.length;
      }
      wake(stream);
    },

    end(runId, result) {
      const stream = streamOf(runId);
      if (stream.result !== null) return;
      stream.result = result;
      retain(runId, stream);
      wake(stream);
    },

    async *follow(runId, { after, signal }) {
      const stream = streamOf(runId);
      let position = firstAfter(stream.events, after);
      while (!signal.aborted) {
        if (position < stream.events.length) {
          const batch = stream.events.slice(position);
          position = stream.events.length;
          yield batch;
        } else if (stream.result !== null) {
          return;
        } else {
          await changed(runId, stream, signal);
        }
      }
    },

    async waitForEnd(runId, signal) {
      const stream = streamOf(runId);
      while (stream.result === null && !signal.aborted) await changed(runId, stream, signal);
      return stream.result;
    },

    findResult: (runId) => streams.get(runId)?.result ?? null,

    isWatched(runId) {
      const stream = streams.get(runId);
      return stream !== undefined && waitsForOthers(stream);
    },

    watchedRuns: () => [...streams].filter(([, stream]) => waitsForOthers(stream)).map(([id]) => id),

    [Symbol.dispose]() {
      for (const runId of finished.keys()) forget(runId);
    },
  };
}

const waitsForOthers = ({ watchers, result, isWritten }: Stream): boolean =>
  watchers.size > 0 && result === null && !isWritten;

const isUnused = ({ watchers, result }: Stream): boolean => watchers.size === 0 && result === null;

/** Wakes the watchers once for everything that happens in this turn of the event loop. */
function wake(stream: Stream): void {
  if (stream.wakeScheduled) return;
  stream.wakeScheduled = true;
  setImmediate(() => {
    stream.wakeScheduled = false;
    for (const notify of [...stream.watchers]) notify();
  });
}

/** Index of the first event after `seq`; events are sorted. */
function firstAfter(events: readonly RunEvent[], seq: number): number {
  const index = events.findIndex((event) => event.seq > seq);
  return index === -1 ? events.length : index;
}
