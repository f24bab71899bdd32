import { RunEventsDropped } from "../domain/events-dropped.ts";
import type { RunEvent } from "../domain/run.ts";
import type { EventLog, EventRange } from "./event-log.ts";
import { gapBefore, upToGap } from "./gaps.ts";
import { createLogMirror, type Written } from "./log-mirror.ts";
import { createLogWriter } from "./log-writer.ts";
import { createMemoryBus, type MemoryBusOptions } from "./memory-bus.ts";
import {
  type FollowOptions,
  type FoundEnd,
  firstSeq,
  isFirstSeq,
  type RunBegan,
  type RunBus,
  type RunEvents,
  type ThreadEntry,
} from "./run-bus.ts";

export interface SharedBusOptions extends Omit<MemoryBusOptions, "idTag"> {
  /** How often to look for what others wrote without having been told that they did. */
  readonly pollMs: number;
  /** Tells the other processes that there is something to read. */
  readonly announce: (written: Written) => void;
  /** Told when the log cannot be read or written; the bus tries again. */
  readonly onError: (error: unknown) => void;
}

export interface SharedBus extends RunBus, AsyncDisposable {
  /** Another process has written something; null when it is not known what. */
  written(written: Written | null): void;
}

/** How long the process that executed a run may take to tell how it ended. */
const SETTLE_MS = 1000;
const MAX_BATCH_BYTES = 256 * 1024;

/**
 * The bus of several processes. Each has what it executes in its memory, from which its own readers are served,
 * and writes it to a log that all share; what others write comes from there into memory as long as somebody
 * watches it. A reader that needs what is not in memory reads it from the log, and then goes on in memory.
 */
export function createSharedBus(log: EventLog, options: SharedBusOptions): SharedBus {
  const { announce, onError, pollMs } = options;
  const memory = createMemoryBus({ ...options, idTag: Math.floor(Math.random() * 1000) });
  const settling = new Map<string, NodeJS.Timeout>();
  const mirror = createLogMirror(log, memory, {
    pollMs,
    onError,
    followRun: (runId, it) => follow(runId, it),
  });
  const writer = createLogWriter(log, {
    maxPendingBytes: options.maxRunningBytes,
    onError,
    onWritten: ({ events, ends, entries }) =>
      announce({
        runs: [...new Set([...events, ...ends].map(({ run_id }) => run_id))],
        threads: [...new Set(entries.map(({ thread_id }) => thread_id))],
      }),
  });

  /** Reads from the log; if it is not there, once more after what this process has yet to write. */
  const readPage = async (range: EventRange): Promise<readonly RunEvent[]> => {
    const events = upToGap(await log.read(range));
    if (findGap(range, events) === null) return events;
    await writer.flush();
    return upToGap(await log.read(range));
  };

  /**
   * Reads what memory no longer has, or never had, up to where it begins.
   * @throws RunEventsDropped unless the oldest that are kept will do
   */
  async function* readLog(run_id: string, after: number, upTo: number, isOldest: boolean): RunEvents {
    for (let seq = after; seq < upTo; ) {
      const range = { run_id, after: seq, upTo, maxBytes: MAX_BATCH_BYTES };
      const events = await readPage(range);
      const gap = findGap(range, events);
      if (gap !== null && !(isOldest && seq === after)) throw new RunEventsDropped(gap);
      const last = events.at(-1);
      if (last === undefined) return;
      yield events;
      seq = last.seq;
    }
  }

  async function* follow(runId: string, { after, signal }: FollowOptions): RunEvents {
    const leaving = new AbortController();
    using _following = mirror.followRun(runId, after ?? 0);
    const watching = memory.waitForEnd(runId, leaving.signal);
    mirror.lookAt(runId);
    let seq = after ?? 0;
    let isOldest = after === null;
    try {
      for (;;) {
        const upTo = yield* untilDropped(memory.follow(runId, { after: seq, signal }), (last) => {
          seq = last;
          isOldest = false;
        });
        if (upTo === null) return;
        for await (const batch of readLog(runId, seq, upTo, isOldest)) {
          if (signal.aborted) return;
          yield batch;
        }
        isOldest = false;
        seq = upTo;
      }
    } finally {
      leaving.abort();
      await watching;
    }
  }

  const withFollow = (began: RunBegan): RunBegan => ({ ...began, follow: (it) => follow(began.run_id, it) });

  /** The last entry of this process is what it has just added. */
  const logLatest = (threadId: string | null) => {
    const entry = threadId === null ? undefined : memory.findEntries(threadId).at(-1);
    if (threadId === null || entry === undefined) return;
    writer.addEntry({ thread_id: threadId, ...withoutFollow(entry) });
  };

  const settleNow = async (runId: string, found: FoundEnd) => {
    await mirror.look().catch(onError);
    const isKnown = memory.lastSeq(runId) > 0;
    const logged = isKnown ? null : await log.readLastSeqs([runId]).catch(onError);
    if (!memory.isWatched(runId)) return;
    if (memory.lastSeq(runId) === 0) memory.place(runId, logged?.get(runId) ?? 0);
    memory.settle(runId, found);
  };

  return {
    begin(run) {
      const { run_id, attempt } = run;
      // Of attempts elsewhere, not everything need be here.
      const isContinued =
        memory.attemptOf(run_id) === attempt - 1 || memory.lastSeq(run_id) >= firstSeq(attempt);
      if (attempt > 1 && !isContinued) memory.place(run_id, firstSeq(attempt) - 1);
      memory.begin(run);
      logLatest(run.thread_id);
    },

    append(runId, events) {
      writer.addEvents(runId, memory.append(runId, events));
    },

    release: memory.release,
    whenReady: writer.whenReady,
    flushed: writer.flush,

    end(runId, result) {
      const threadId = memory.threadOf(runId);
      if (!memory.end(runId, result)) return;
      writer.addEnd({ run_id: runId, last_seq: memory.lastSeq(runId), result });
      logLatest(threadId);
    },

    settle(runId, found) {
      if (!found.mayBeTold) void settleNow(runId, found);
      if (!found.mayBeTold || settling.has(runId)) return;
      const timer = setTimeout(() => {
        settling.delete(runId);
        void settleNow(runId, found);
      }, SETTLE_MS);
      settling.set(runId, timer.unref());
    },

    follow,

    waitForEnd(runId, signal) {
      const ended = memory.waitForEnd(runId, signal);
      mirror.lookAt(runId);
      return ended;
    },

    async findResult(runId) {
      return (await memory.findResult(runId)) ?? (await log.readEnd(runId));
    },

    isWatched: memory.isWatched,
    watchedRuns: memory.watchedRuns,

    publishState(threadId, state) {
      memory.publishState(threadId, state);
      logLatest(threadId);
    },

    endThread: memory.endThread,

    async findLatest(threadId) {
      await mirror.loadThread(threadId);
      const { id } = await memory.findLatest(threadId);
      const entries = memory.findEntries(threadId);
      const began = entries.findLast((entry): entry is RunBegan => entry.kind === "run_began");
      if (
        began === undefined ||
        entries.some((it) => it.kind === "run_ended" && it.run_id === began.run_id)
      ) {
        return { id, run: null };
      }
      const known = memory.lastSeq(began.run_id);
      const logged = known > 0 ? null : (await log.readLastSeqs([began.run_id])).get(began.run_id);
      return { id, run: { began: withFollow(began), seq: logged ?? known } };
    },

    async *followThread(threadId, followOptions) {
      const entries = memory.followThread(threadId, followOptions);
      await mirror.loadThread(threadId);
      for await (const entry of entries) yield entry.kind === "run_began" ? withFollow(entry) : entry;
    },

    watchedThreads: memory.watchedThreads,

    written: mirror.written,

    async [Symbol.asyncDispose]() {
      for (const timer of settling.values()) clearTimeout(timer);
      mirror[Symbol.dispose]();
      await writer[Symbol.asyncDispose]();
      memory[Symbol.dispose]();
    },
  };
}

/** Passes batches on until the end, or until some are no longer kept. @returns up to where those are; null at the end */
async function* untilDropped(
  events: RunEvents,
  onRead: (lastSeq: number) => void,
): AsyncGenerator<readonly RunEvent[], number | null, undefined> {
  try {
    for await (const batch of events) {
      yield batch;
      onRead((batch.at(-1) as RunEvent).seq);
    }
    return null;
  } catch (error) {
    if (error instanceof RunEventsDropped) return error.upTo;
    throw error;
  }
}

/** The last number that is missing at the beginning of what was read; null when none is. */
function findGap({ after, upTo }: EventRange, [first]: readonly RunEvent[]): number | null {
  if (first !== undefined) return gapBefore(after, first);
  return isFirstSeq(upTo + 1) ? null : upTo;
}

const withoutFollow = (entry: ThreadEntry) => {
  if (entry.kind !== "run_began") return entry;
  const { follow: _, ...rest } = entry;
  return rest;
};
