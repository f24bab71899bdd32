import { createRetention } from "./retention.ts";
import { type FollowOptions, firstSeq, type RunBegan, type RunBus } from "./run-bus.ts";
import {
  createRunningStreams,
  createRunStream,
  type RunningLimits,
  type RunStream,
  readStream,
} from "./run-streams.ts";
import { sizeOfJson } from "./size-of-json.ts";
import { createThreadLogs } from "./thread-logs.ts";

export interface MemoryBusOptions extends RunningLimits {
  /** How long the events of a finished run, and the news of a thread's state, can still be read. */
  readonly retentionMs: number;
  /** Most bytes of these to keep; the oldest go first. */
  readonly maxRetainedBytes: number;
}

/** The bus of one process. */
export function createMemoryBus(options: MemoryBusOptions): RunBus & Disposable {
  const { retentionMs, maxRetainedBytes } = options;
  const streams = new Map<string, RunStream>();
  const running = createRunningStreams(options);
  const retention = createRetention({ retentionMs, maxBytes: maxRetainedBytes });
  const logs = createThreadLogs();

  const streamOf = (runId: string): RunStream => {
    const known = streams.get(runId);
    if (known !== undefined) return known;
    const created = createRunStream();
    streams.set(runId, created);
    return created;
  };

  const forget = (runId: string, stream: RunStream) => {
    running.remove(stream);
    // Whoever still holds the stream must not hold its events.
    stream.buffer.clear();
    if (streams.get(runId) === stream) streams.delete(runId);
    if (stream.threadId === null) return;
    logs.remove(stream.threadId, (entry) => entry.kind !== "state_updated" && entry.run_id === runId);
  };

  /** A stream that nobody writes goes with its last watcher: at once if it is empty, else after a while. */
  const forgetIfUnused = (runId: string, stream: RunStream) => {
    const isUnused = () => !stream.isWritten && stream.watchers === 0 && stream.result === null;
    if (!isUnused() || streams.get(runId) !== stream) return;
    if (stream.buffer.isEmpty) forget(runId, stream);
    else setTimeout(() => isUnused() && forget(runId, stream), retentionMs).unref();
  };

  const watching = async <T>(runId: string, stream: RunStream, watch: () => Promise<T>): Promise<T> => {
    stream.watchers++;
    try {
      return await watch();
    } finally {
      stream.watchers--;
      forgetIfUnused(runId, stream);
    }
  };

  async function* follow(runId: string, followOptions: FollowOptions, begun: RunStream | null = null) {
    const stream = begun ?? streamOf(runId);
    stream.watchers++;
    try {
      yield* readStream(stream, followOptions);
    } finally {
      stream.watchers--;
      forgetIfUnused(runId, stream);
    }
  }

  return {
    begin({ run_id, thread_id, attempt }) {
      const stream = streamOf(run_id);
      stream.nextSeq = Math.max(stream.nextSeq, firstSeq(attempt));
      stream.isWritten = true;
      stream.threadId = thread_id;
      logs.add(thread_id, {
        id: logs.nextId(),
        kind: "run_began",
        run_id,
        attempt,
        follow: (followOptions) => follow(run_id, followOptions, stream),
      });
    },

    append(runId, events) {
      const stream = streamOf(runId);
      if (stream.result !== null) return;
      for (const { event, data } of events) running.add(stream, { seq: stream.nextSeq++, event, data });
      stream.bell.ring();
    },

    release(runId) {
      const stream = streams.get(runId);
      if (stream === undefined || stream.result !== null) return;
      stream.isWritten = false;
      forgetIfUnused(runId, stream);
    },

    end(runId, result) {
      const stream = streamOf(runId);
      if (stream.result !== null) return;
      stream.result = result;
      stream.isWritten = false;
      running.remove(stream);
      const { threadId } = stream;
      const id = logs.nextId();
      if (threadId !== null) logs.add(threadId, { id, kind: "run_ended", run_id: runId });
      retention.keep({
        sizeBytes: stream.buffer.sizeBytes + sizeOfJson(result.values),
        isInUse: () => stream.watchers > 0 || (threadId !== null && logs.isAwaited(threadId, id, "runs")),
        forget: () => forget(runId, stream),
      });
      stream.bell.ring();
    },

    follow: (runId, followOptions) => follow(runId, followOptions),

    waitForEnd(runId, signal) {
      const stream = streamOf(runId);
      return watching(runId, stream, async () => {
        while (stream.result === null && !signal.aborted) await stream.bell.wait(signal);
        return stream.result;
      });
    },

    findResult: (runId) => streams.get(runId)?.result ?? null,

    isWatched(runId) {
      const stream = streams.get(runId);
      return stream !== undefined && waitsForOthers(stream);
    },

    watchedRuns: () => [...streams].filter(([, stream]) => waitsForOthers(stream)).map(([id]) => id),

    publishState(threadId, state) {
      const id = logs.nextId();
      logs.add(threadId, { id, kind: "state_updated", state });
      retention.keep({
        sizeBytes: sizeOfJson(state),
        isInUse: () => logs.isAwaited(threadId, id, "state"),
        forget: () => logs.remove(threadId, (entry) => entry.id === id),
      });
    },

    endThread: logs.end,

    async findLatest(threadId) {
      const began = logs.find(threadId).findLast((entry): entry is RunBegan => entry.kind === "run_began");
      const stream = began === undefined ? undefined : streams.get(began.run_id);
      const goesOn = began !== undefined && stream !== undefined && stream.result === null;
      return { id: logs.nextId(), run: goesOn ? { began, seq: stream.buffer.lastSeq } : null };
    },

    followThread: logs.follow,
    watchedThreads: logs.watched,

    [Symbol.dispose]: () => retention[Symbol.dispose](),
  };
}

const waitsForOthers = ({ watchers, result, isWritten }: RunStream): boolean =>
  watchers > 0 && result === null && !isWritten;
