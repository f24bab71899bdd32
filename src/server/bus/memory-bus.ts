import type { NewRunEvent, RunEvent, RunResult } from "../domain/run.ts";
import { createRetention } from "./retention.ts";
import { type FollowOptions, firstSeq, type RunBegan, type RunBus, type ThreadEntry } from "./run-bus.ts";
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
  /** Makes ids of threads differ from those of other processes: 0 to 999. */
  readonly idTag?: number;
}

/** The bus of one process, and what it takes to fill it with what happens in others. */
export interface MemoryBus extends RunBus, Disposable {
  /** @returns the events with their numbers; none when the run has ended */
  append(runId: string, events: readonly NewRunEvent[]): readonly RunEvent[];
  /** @returns whether this is the first end */
  end(runId: string, result: RunResult): boolean;
  /** Lets a stream begin after a number: what is kept of it goes, and whoever needs that is told. */
  place(runId: string, seq: number): void;
  /** Adds events that another process wrote. */
  mirror(runId: string, events: readonly RunEvent[]): void;
  /** Number of the last event that is known here; 0 before the first. */
  lastSeq(runId: string): number;
  /** The last attempt that this process has begun; null when there is none, or it is forgotten. */
  attemptOf(runId: string): number | null;
  /** The thread of a run that this process has begun; null when it has not, or it is forgotten. */
  threadOf(runId: string): string | null;
  /** Whether this process executes the run now. */
  isWritten(runId: string): boolean;
  /** Whether `takeForLog` has been asked for what this process tells of a run. */
  isLogged(runId: string): boolean;
  /**
   * What this process has told of a run so far, for the log; whoever takes it writes what comes, too.
   * Null when it has told nothing of the run, or that was taken before.
   */
  takeForLog(runId: string): ToldOfRun | null;
  isThreadWatched(threadId: string): boolean;
  /** Adds what happened on a thread in another process, unless it is there. */
  mirrorEntry(threadId: string, entry: ThreadEntry, isNew: boolean): void;
  /** What is known of a thread, in order. */
  findEntries(threadId: string): readonly ThreadEntry[];
}

export interface ToldOfRun {
  readonly events: readonly RunEvent[];
  /** Null while the run goes on. */
  readonly end: { readonly last_seq: number; readonly result: RunResult } | null;
}

export function createMemoryBus(options: MemoryBusOptions): MemoryBus {
  const { retentionMs, maxRetainedBytes } = options;
  const streams = new Map<string, RunStream>();
  const running = createRunningStreams(options);
  const retention = createRetention({ retentionMs, maxBytes: maxRetainedBytes });
  const logs = createThreadLogs(options.idTag);
  /** Those of which `waitsForOthers`: looked for often, so not searched for. */
  const waiting = new Set<string>();

  const noteWatch = (stream: RunStream) => {
    const { runId } = stream;
    const isKnown = streams.get(runId) === stream;
    if (isKnown && waitsForOthers(stream)) waiting.add(runId);
    else if (isKnown || !streams.has(runId)) waiting.delete(runId);
  };

  const streamOf = (runId: string): RunStream => {
    const known = streams.get(runId);
    if (known !== undefined) return known;
    const created = createRunStream(runId);
    streams.set(runId, created);
    return created;
  };

  const forget = (runId: string, stream: RunStream) => {
    running.remove(stream);
    // Whoever still holds the stream must not hold its events.
    stream.buffer.clear();
    if (streams.get(runId) === stream) {
      streams.delete(runId);
      waiting.delete(runId);
    }
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
    noteWatch(stream);
    try {
      return await watch();
    } finally {
      stream.watchers--;
      noteWatch(stream);
      forgetIfUnused(runId, stream);
    }
  };

  async function* follow(runId: string, followOptions: FollowOptions, begun: RunStream | null = null) {
    const stream = begun ?? streamOf(runId);
    stream.watchers++;
    noteWatch(stream);
    try {
      yield* readStream(stream, followOptions);
    } finally {
      stream.watchers--;
      noteWatch(stream);
      forgetIfUnused(runId, stream);
    }
  }

  const append = (runId: string, events: readonly NewRunEvent[]): readonly RunEvent[] => {
    const stream = streamOf(runId);
    if (stream.result !== null) return [];
    const numbered = events.map(({ event, data }) => ({ seq: stream.nextSeq++, event, data }));
    for (const event of numbered) running.add(stream, event);
    stream.bell.ring();
    return numbered;
  };

  const end = (runId: string, result: RunResult): boolean => {
    const stream = streamOf(runId);
    if (stream.result !== null) return false;
    stream.result = result;
    stream.isWritten = false;
    noteWatch(stream);
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
    return true;
  };

  return {
    retentionMs,

    begin({ run_id, thread_id, attempt }) {
      const stream = streamOf(run_id);
      stream.nextSeq = Math.max(stream.nextSeq, firstSeq(attempt));
      stream.isWritten = true;
      stream.isOwn = true;
      noteWatch(stream);
      stream.threadId = thread_id;
      stream.attempt = attempt;
      logs.add(thread_id, {
        id: logs.nextId(),
        kind: "run_began",
        run_id,
        attempt,
        follow: (followOptions) => follow(run_id, followOptions, stream),
      });
    },

    append(runId, events) {
      streamOf(runId).isOwn = true;
      return append(runId, events);
    },

    place(runId, seq) {
      const stream = streamOf(runId);
      running.remove(stream);
      stream.buffer.place(seq);
      stream.nextSeq = seq + 1;
      stream.bell.ring();
    },

    mirror(runId, events) {
      const stream = streamOf(runId);
      if (stream.result !== null) return;
      for (const event of events) running.add(stream, event);
      stream.nextSeq = stream.buffer.lastSeq + 1;
      stream.bell.ring();
    },

    lastSeq: (runId) => streams.get(runId)?.buffer.lastSeq ?? 0,
    threadOf: (runId) => streams.get(runId)?.threadId ?? null,
    attemptOf: (runId) => streams.get(runId)?.attempt ?? null,

    whenReady: () => null,
    flushed: async () => undefined,

    release(runId) {
      const stream = streams.get(runId);
      if (stream === undefined || stream.result !== null) return;
      stream.isWritten = false;
      noteWatch(stream);
      forgetIfUnused(runId, stream);
    },

    end(runId, result) {
      streamOf(runId).isOwn = true;
      return end(runId, result);
    },

    follow: (runId, followOptions) => follow(runId, followOptions),

    waitForEnd(runId, signal) {
      const stream = streamOf(runId);
      return watching(runId, stream, async () => {
        while (stream.result === null && !signal.aborted) await stream.bell.wait(signal);
        return stream.result;
      });
    },

    findResult: async (runId) => streams.get(runId)?.result ?? null,

    settle(runId, found) {
      const isUntold = streamOf(runId).nextSeq === firstSeq(1);
      append(runId, isUntold ? [found.beginning, found.end] : [found.end]);
      end(runId, found.result);
    },

    isWatched: (runId) => waiting.has(runId),
    watchedRuns: () => [...waiting],

    isWritten: (runId) => streams.get(runId)?.isWritten ?? false,
    isLogged: (runId) => streams.get(runId)?.isLogged ?? false,

    takeForLog(runId) {
      const stream = streams.get(runId);
      if (stream === undefined || !stream.isOwn || stream.isLogged) return null;
      stream.isLogged = true;
      const { buffer, result } = stream;
      return {
        events: buffer.read(0, Number.POSITIVE_INFINITY),
        end: result === null ? null : { last_seq: buffer.lastSeq, result },
      };
    },

    publishState(threadId, state) {
      const id = logs.nextId();
      logs.add(threadId, { id, kind: "state_updated", state });
      retention.keep({
        sizeBytes: sizeOfJson(state),
        isInUse: () => logs.isAwaited(threadId, id, "state"),
        forget: () => logs.remove(threadId, (entry) => entry.id === id),
      });
    },

    mirrorEntry(threadId, entry, isNew) {
      if (!logs.mirror(threadId, entry, isNew)) return;
      const kind = entry.kind === "state_updated" ? "state" : "runs";
      const isInUse = () => logs.isAwaited(threadId, entry.id, kind);
      retention.keep({
        sizeBytes: entry.kind === "state_updated" ? sizeOfJson(entry.state) : ENTRY_BYTES,
        isInUse,
        // It can be had again from where it came, except by those who were to be told of it and were not.
        forget: () =>
          isInUse() ? logs.remove(threadId, (it) => it === entry) : logs.unload(threadId, entry),
      });
    },

    findEntries: logs.find,

    endThread: logs.end,

    async findLatest(threadId) {
      const began = logs.find(threadId).findLast((entry): entry is RunBegan => entry.kind === "run_began");
      const stream = began === undefined ? undefined : streams.get(began.run_id);
      const goesOn = began !== undefined && stream !== undefined && stream.result === null;
      return { id: logs.idAfterAll(threadId), run: goesOn ? { began, seq: stream.buffer.lastSeq } : null };
    },

    followThread: logs.follow,
    watchedThreads: logs.watched,
    isThreadWatched: logs.isWatched,

    [Symbol.dispose]: () => retention[Symbol.dispose](),
  };
}

/** About what an entry without a state takes. */
const ENTRY_BYTES = 200;

const waitsForOthers = ({ watchers, result, isWritten }: RunStream): boolean =>
  watchers > 0 && result === null && !isWritten;
