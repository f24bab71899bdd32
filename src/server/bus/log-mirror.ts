import type { EventLog, RunNews } from "./event-log.ts";
import { gapBefore, upToGap } from "./gaps.ts";
import type { MemoryBus } from "./memory-bus.ts";
import { firstSeq, type RunEvents } from "./run-bus.ts";

export interface LogMirrorOptions {
  /** How often to look without having been told to. */
  readonly pollMs: number;
  /** Follows a run of an entry that another process wrote. */
  readonly followRun: (runId: string, options: Parameters<MemoryBus["follow"]>[1]) => RunEvents;
  /** Asks other processes to write what they have, and from then on what comes, of these. */
  readonly want: (wanted: Written) => void;
  /** Told when the log cannot be read, once until it can again. */
  readonly onError: (error: unknown) => void;
}

/** What another process has written, or wants to read. */
export interface Written {
  readonly runs: readonly string[];
  readonly threads: readonly string[];
}

/** Brings into the memory of this process what others write of the runs and threads that are watched here. */
export interface LogMirror extends Disposable {
  /** Brings the events of a run from here on, until it is disposed. Without it, only the end is brought. */
  followRun(runId: string, after: number): Disposable;
  /** The highest number that a reader of a run has begun after; 0 without any. */
  lastWanted(runId: string): number;
  /**
   * Asks for a run that is watched here, and looks for news of it soon, unless it is so new that there can be none.
   */
  lookAt(runId: string, isNew: boolean): void;
  /** Looks for news soon, if some of this is watched here. Null: of everything. */
  written(written: Written | null): void;
  /** Brings what is new of a run. @throws what the log throws */
  look(runId: string): Promise<void>;
  /** Asks again for what is watched here and has not been heard of: somebody may not have heard it before. */
  askAgain(): void;
  /** Brings everything that is kept of a thread. Without the log, there is only what is in memory. */
  loadThread(threadId: string): Promise<void>;
  /** Asks for a thread. */
  askForThread(threadId: string): void;
  /** Resolves when another process has written something of a thread, or after a while. */
  heardOfThread(threadId: string): Promise<void>;
}

/** Entries so old have been seen, or belong to a time when nobody watched the thread. */
const RECENT_MS = 60_000;
/** How long to wait for a process that may have something of a thread: it is a few milliseconds away. */
const ANSWER_MS = 250;

interface Followers {
  readonly places: Set<{ readonly after: number }>;
}

export function createLogMirror(log: EventLog, memory: MemoryBus, options: LogMirrorOptions): LogMirror {
  const { pollMs, followRun, want, onError } = options;
  const followed = new Map<string, Followers>();
  const due = { runs: new Set<string>(), threads: new Set<string>() };
  const listeners = new Map<string, Set<() => void>>();
  let looking: Promise<void> | null = null;

  /** The lowest number that a reader of a run has begun after. */
  const firstWanted = (runId: string): number => {
    const places = [...(followed.get(runId)?.places ?? [])];
    return places.length === 0 ? 0 : Math.min(...places.map(({ after }) => after));
  };

  const lastWanted = (runId: string): number =>
    Math.max(0, ...[...(followed.get(runId)?.places ?? [])].map(({ after }) => after));

  /** Begins each stream where its first reader is; but not after its end, wherever a client says it is. */
  const placeNew = async (runIds: readonly string[]) => {
    // To leave out a single event is not worth a statement, and whoever creates a run has been told the first.
    const unplaced = runIds.filter(
      (runId) => firstWanted(runId) > firstSeq(1) && memory.lastSeq(runId) === 0,
    );
    if (unplaced.length === 0) return;
    for (const [runId, seq] of await log.readLastSeqs(unplaced)) {
      const isMirrored = memory.isWatched(runId) && memory.lastSeq(runId) === 0;
      if (isMirrored) memory.place(runId, Math.min(seq, firstWanted(runId)));
    }
  };

  const bring = ({ run_id, events, isComplete, end }: RunNews) => {
    // Meanwhile this process may have begun it, or nobody waits any more.
    if (!memory.isWatched(run_id)) return;
    let fresh = events.filter(({ seq }) => seq > memory.lastSeq(run_id));
    for (let [first] = fresh; first !== undefined; [first] = fresh) {
      // Whoever needs what is missing finds in the log that it is not there.
      const gap = gapBefore(memory.lastSeq(run_id), first);
      if (gap !== null) memory.place(run_id, gap);
      const next = upToGap(fresh);
      memory.mirror(run_id, next);
      fresh = fresh.slice(next.length);
    }
    if (!isComplete) due.runs.add(run_id);
    if (end === null || !isComplete) return;
    // Who only waited brought no events. Whoever follows later must not take that for the whole of the run.
    if (memory.lastSeq(run_id) < end.last_seq) memory.place(run_id, end.last_seq);
    memory.end(run_id, end.result);
  };

  const lookAtRuns = async (watched: readonly string[]) => {
    if (watched.length === 0) return;
    await placeNew(watched);
    const wanted = watched.map((run_id) => ({
      run_id,
      after: followed.has(run_id) ? memory.lastSeq(run_id) : null,
    }));
    for (const news of await log.readNews(wanted)) bring(news);
  };

  const lookAtThreads = async (thread_ids: readonly string[], recentMs: number | null) => {
    if (thread_ids.length === 0) return;
    for (const { thread_id, is_past, ...entry } of await log.readThreads({ thread_ids, recentMs })) {
      memory.mirrorEntry(
        thread_id,
        entry.kind === "run_began" ? { ...entry, follow: (it) => followRun(entry.run_id, it) } : entry,
        recentMs !== null && !is_past,
      );
    }
  };

  const lookAtDue = async () => {
    try {
      do {
        const runs = [...due.runs].filter(memory.isWatched);
        const threads = [...due.threads].filter(memory.isThreadWatched);
        due.runs.clear();
        due.threads.clear();
        await lookAtRuns(runs);
        await lookAtThreads(threads, RECENT_MS);
      } while (due.runs.size + due.threads.size > 0);
    } finally {
      looking = null;
    }
  };

  const look = async () => {
    looking ??= lookAtDue();
    await looking;
  };

  let isAway = false;
  const lookSoon = () => {
    look().then(
      () => {
        isAway = false;
      },
      (error: unknown) => {
        if (!isAway) onError(error);
        isAway = true;
      },
    );
  };

  const lookAtDueSoon = () => {
    if (due.runs.size + due.threads.size > 0) lookSoon();
  };

  const lookAtWatched = (runs: readonly string[], threads: readonly string[]) => {
    for (const id of runs) if (memory.isWatched(id)) due.runs.add(id);
    for (const id of threads) if (memory.isThreadWatched(id)) due.threads.add(id);
    lookAtDueSoon();
  };

  const lookAtAll = () => lookAtWatched(memory.watchedRuns(), memory.watchedThreads());

  /** Of a run with events from the log, whoever executes it writes what comes. */
  const askAgain = () => {
    const runs = memory.watchedRuns().filter((id) => memory.lastSeq(id) === 0);
    const threads = memory.watchedThreads();
    if (runs.length + threads.length > 0) want({ runs, threads });
  };

  const poll = setInterval(() => {
    askAgain();
    lookAtAll();
  }, pollMs).unref();

  return {
    followRun(runId, after) {
      const place = { after };
      const followers = followed.get(runId) ?? { places: new Set() };
      followers.places.add(place);
      followed.set(runId, followers);
      return {
        [Symbol.dispose]() {
          followers.places.delete(place);
          if (followers.places.size === 0) followed.delete(runId);
        },
      };
    },

    lastWanted,

    lookAt(runId, isNew) {
      if (!memory.isWatched(runId)) return;
      want({ runs: [runId], threads: [] });
      if (isNew) return;
      due.runs.add(runId);
      lookSoon();
    },

    written(written) {
      for (const id of written?.threads ?? [...listeners.keys()]) {
        for (const listener of listeners.get(id) ?? []) listener();
      }
      if (written === null) lookAtAll();
      else lookAtWatched(written.runs, written.threads);
    },

    async look(runId) {
      due.runs.add(runId);
      await look();
    },

    askAgain,

    loadThread: (threadId) => lookAtThreads([threadId], null).catch(onError),

    askForThread: (threadId) => want({ runs: [], threads: [threadId] }),

    heardOfThread: (threadId) =>
      new Promise((resolve) => {
        const those = listeners.get(threadId) ?? new Set();
        listeners.set(threadId, those);
        const listener = () => {
          clearTimeout(timer);
          those.delete(listener);
          if (those.size === 0) listeners.delete(threadId);
          resolve();
        };
        those.add(listener);
        const timer = setTimeout(listener, ANSWER_MS);
      }),

    [Symbol.dispose]: () => clearInterval(poll),
  };
}
