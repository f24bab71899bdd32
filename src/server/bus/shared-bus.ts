import { RunEventsDropped } from "../domain/events-dropped.ts";
import type { RunEvent } from "../domain/run.ts";
import { compareEntryIds } from "../domain/thread-stream.ts";
import type { EventLog, EventRange } from "./event-log.ts";
import { gapBefore, upToGap } from "./gaps.ts";
import { createLogMirror, type Written } from "./log-mirror.ts";
import { createLogWriter } from "./log-writer.ts";
import { createMemoryBus, type MemoryBusOptions } from "./memory-bus.ts";
import { createReaders } from "./readers.ts";
import {
  type BeginningRun,
  type FollowOptions,
  type FoundEnd,
  firstSeq,
  isFirstSeq,
  type RunBegan,
  type RunBus,
  type RunEvents,
  type ThreadEntry,
} from "./run-bus.ts";
import { createTimedSet } from "./timed-set.ts";

export interface SharedBusOptions extends Omit<MemoryBusOptions, "idTag" | "beforeDrop"> {
  /** How often to look for what others wrote without having been told that they did. */
  readonly pollMs: number;
  /** Tells the other processes that there is something to read. */
  readonly announce: (written: Written) => void;
  /** Tells the other processes what somebody wants to read here, so that they write it. */
  readonly want: (wanted: Written) => void;
  /** Told when the log cannot be read or written; the bus tries again. */
  readonly onError: (error: unknown) => void;
}

export interface SharedBus extends RunBus, AsyncDisposable {
  /** Another process has written something; null when it is not known what. */
  written(written: Written | null): void;
  /** Another process wants to read this, and says so again for as long as it does. */
  wanted(wanted: Written): void;
  /**
   * Whether this process hears what others want, which it does not until this is called. As long as it does not, it
   * writes everything.
   */
  setHearing(isHearing: boolean): void;
  /** Asks again for what is watched here: another process has come. */
  askAgain(): void;
}

/** How long the process that executed a run may take to tell how it ended. */
const SETTLE_MS = 1000;
const MAX_BATCH_BYTES = 256 * 1024;
/** Ids of threads differ by process in their number modulo this. */
const ID_TAGS = 1000;
/** How long somebody who has asked for something is taken to want it: several times the interval of asking again. */
const WANTED_MS = 5000;
/** Whoever read so recently may go on elsewhere when this process is gone. */
const READ_MS = 30_000;

/**
 * The bus of several processes. Each has what it executes in its memory, from which its own readers are served. What
 * must outlive it, what others want to read and what memory has no room for, it writes to a log that all share; what
 * others write comes from there into memory as long as somebody watches it. A reader that needs what is not in memory
 * reads it from the log, and then goes on in memory.
 */
export function createSharedBus(log: EventLog, options: SharedBusOptions): SharedBus {
  const { announce, onError, pollMs } = options;
  const idTag = Math.floor(Math.random() * ID_TAGS);
  const memory = createMemoryBus({ ...options, idTag, beforeDrop: (runId) => logRun(runId) });
  const wantedRuns = createTimedSet(WANTED_MS);
  const wantedThreads = createTimedSet(WANTED_MS);
  /** Of a run that is logged, what its end leads to is logged, too. */
  const endingThreads = createTimedSet(WANTED_MS);
  const runReaders = createReaders(READ_MS);
  const threadReaders = createReaders(READ_MS);
  let isHearing = false;
  const settling = new Map<string, NodeJS.Timeout>();
  const mirror = createLogMirror(log, memory, {
    pollMs,
    onError,
    want: options.want,
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

  /** Writes what there is of a run, if this process has any of it; from then on, what comes is written, too. */
  const logRun = (runId: string) => {
    const told = memory.takeForLog(runId);
    if (told === null) return;
    writer.addEvents(runId, told.events);
    if (told.end !== null) writer.addEnd({ run_id: runId, ...told.end });
  };

  /** Writes what has happened here on a thread, and the runs of it that go on; or all, that can be read. */
  const logThread = (threadId: string, isWhole: boolean) => {
    for (const entry of memory.findEntries(threadId)) {
      if (entry.id.n % ID_TAGS !== idTag) continue;
      writer.addEntry({ thread_id: threadId, is_past: true, ...withoutFollow(entry) });
      if (entry.kind === "run_began" && (isWhole || memory.isWritten(entry.run_id))) logRun(entry.run_id);
    }
  };

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

  async function* follow(runId: string, { after, signal, isNew = false }: FollowOptions): RunEvents {
    const leaving = new AbortController();
    using _following = mirror.followRun(runId, after ?? 0);
    const watching = memory.waitForEnd(runId, leaving.signal);
    mirror.lookAt(runId, isNew);
    let seq = after ?? 0;
    let isOldest = after === null;
    const reading = runReaders.enter(runId);
    try {
      for (;;) {
        const upTo = yield* untilDropped(memory.follow(runId, { after: seq, signal }), (last) => {
          seq = last;
          isOldest = false;
        });
        if (upTo === null) {
          reading.isDone = !signal.aborted;
          return;
        }
        for await (const batch of readLog(runId, seq, upTo, isOldest)) {
          if (signal.aborted) return;
          yield batch;
        }
        isOldest = false;
        seq = Math.max(seq, upTo);
      }
    } finally {
      reading.leave();
      leaving.abort();
      await watching;
      stopSettling(runId);
    }
  }

  const withFollow = (began: RunBegan): RunBegan => ({ ...began, follow: (it) => follow(began.run_id, it) });

  /** The last entry of this process is what it has just added. */
  const logLatest = (threadId: string | null, runId: string | null) => {
    const entry = threadId === null ? undefined : memory.findEntries(threadId).at(-1);
    if (threadId === null || entry === undefined) return;
    const isLogged =
      !isHearing ||
      wantedThreads.has(threadId) ||
      (runId === null ? endingThreads.has(threadId) : memory.isLogged(runId));
    if (isLogged) writer.addEntry({ thread_id: threadId, is_past: false, ...withoutFollow(entry) });
  };

  /** Whether a run that begins is to be written from its first event on. */
  const isToBeLogged = ({ run_id, thread_id, attempt, isResumable }: BeginningRun) =>
    // Of a run that was begun before, somebody may have seen the beginning elsewhere.
    isResumable || attempt > 1 || wantedRuns.has(run_id) || wantedThreads.has(thread_id);

  /** Waits for others to tell of a thread what must have happened there, as its rows say. */
  const askForRuns = async (threadId: string, runIds: readonly string[]) => {
    const known = new Set(memory.findEntries(threadId).flatMap((it) => ("run_id" in it ? [it.run_id] : [])));
    if (runIds.every((id) => known.has(id) || memory.threadOf(id) !== null)) return;
    const heard = mirror.heardOfThread(threadId);
    mirror.askForThread(threadId);
    await heard;
    await mirror.loadThread(threadId);
  };

  /** What was found for those who watched is not for those who come later: they look for themselves. */
  const stopSettling = (runId: string) => {
    if (memory.isWatched(runId)) return;
    clearTimeout(settling.get(runId));
    settling.delete(runId);
  };

  const settleNow = async (runId: string, found: FoundEnd) => {
    await mirror.look(runId).catch(onError);
    const isKnown = memory.lastSeq(runId) > 0;
    const logged = isKnown ? null : await log.readLastSeqs([runId]).catch(onError);
    if (!memory.isWatched(runId)) return;
    // What a reader has had elsewhere may be nowhere any more; the end comes after it all the same. The first event is
    // known to everybody.
    const lastTold = Math.max(logged?.get(runId) ?? 0, mirror.lastWanted(runId));
    if (memory.lastSeq(runId) < lastTold && !isFirstSeq(lastTold)) memory.place(runId, lastTold);
    memory.settle(runId, found);
  };

  return {
    retentionMs: options.retentionMs,

    begin(run) {
      const { run_id, attempt } = run;
      if (attempt > 1) logRun(run_id);
      // Of attempts elsewhere, not everything need be here.
      const isContinued =
        memory.attemptOf(run_id) === attempt - 1 || memory.lastSeq(run_id) >= firstSeq(attempt);
      if (attempt > 1 && !isContinued) memory.place(run_id, firstSeq(attempt) - 1);
      memory.begin(run);
      if (!isHearing || isToBeLogged(run)) logRun(run_id);
      logLatest(run.thread_id, run_id);
    },

    append(runId, events) {
      // One by one: what memory has no room for is written with all that was added before.
      for (const event of events) {
        const wasLogged = memory.isLogged(runId);
        const added = memory.append(runId, [event]);
        if (wasLogged) writer.addEvents(runId, added);
        else if (!isHearing) logRun(runId);
      }
    },

    release: memory.release,
    whenReady: writer.whenReady,

    async flushed(runId) {
      if (runId !== undefined) logRun(runId);
      await writer.flush();
    },

    end(runId, result) {
      const threadId = memory.threadOf(runId);
      if (!memory.end(runId, result)) return;
      if (memory.isLogged(runId)) writer.addEnd({ run_id: runId, last_seq: memory.lastSeq(runId), result });
      else if (!isHearing) logRun(runId);
      if (threadId !== null && memory.isLogged(runId)) endingThreads.add(threadId);
      logLatest(threadId, runId);
    },

    settle(runId, found) {
      if (!memory.isWatched(runId)) return;
      if (!found.mayBeTold) void settleNow(runId, found);
      if (!found.mayBeTold || settling.has(runId)) return;
      const timer = setTimeout(() => {
        settling.delete(runId);
        void settleNow(runId, found);
      }, SETTLE_MS);
      settling.set(runId, timer.unref());
    },

    follow,

    waitForEnd(runId, signal, isNew = false) {
      const ended = memory.waitForEnd(runId, signal);
      mirror.lookAt(runId, isNew);
      void ended.then(() => stopSettling(runId));
      return ended;
    },

    async findResult(runId) {
      return (await memory.findResult(runId)) ?? (await log.readEnd(runId));
    },

    isWatched: memory.isWatched,
    watchedRuns: memory.watchedRuns,

    publishState(threadId, state) {
      memory.publishState(threadId, state);
      logLatest(threadId, null);
    },

    endThread: memory.endThread,

    async findLatest(threadId, recentRuns = []) {
      await mirror.loadThread(threadId);
      await askForRuns(threadId, recentRuns);
      const { id: lastId } = await memory.findLatest(threadId);
      // What another process has yet to write of before is none of what comes.
      const now = { ms: Date.now(), n: 0 };
      const id = compareEntryIds(lastId, now) > 0 ? lastId : now;
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
      const reading = threadReaders.enter(threadId);
      try {
        mirror.askForThread(threadId);
        const entries = memory.followThread(threadId, followOptions);
        await mirror.loadThread(threadId);
        for await (const entry of entries) yield entry.kind === "run_began" ? withFollow(entry) : entry;
      } finally {
        reading.leave();
      }
    },

    watchedThreads: memory.watchedThreads,

    written: mirror.written,

    wanted({ runs, threads }) {
      for (const runId of runs) {
        wantedRuns.add(runId);
        logRun(runId);
      }
      for (const threadId of threads) if (wantedThreads.add(threadId)) logThread(threadId, false);
    },

    setHearing(value) {
      isHearing = value;
    },

    askAgain: mirror.askAgain,

    async [Symbol.asyncDispose]() {
      // Who was connected here goes on elsewhere.
      for (const runId of runReaders.recent()) logRun(runId);
      for (const threadId of threadReaders.recent()) logThread(threadId, true);
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
