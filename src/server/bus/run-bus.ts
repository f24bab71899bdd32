import type { ThreadState } from "../domain/checkpoint.ts";
import type { NewRunEvent, RunEvent, RunResult } from "../domain/run.ts";
import type { NewThreadEntry, ThreadEntryId } from "../domain/thread-stream.ts";

/**
 * Carries the events of runs from the worker that produces them to every client that watches, and tells what
 * happens on their threads. What is kept is bounded: a reader is never waited for, and told when it needs what
 * had to go.
 */
export interface RunBus extends ThreadBus {
  /**
   * Opens the stream of one attempt of a run, to be written by this process until it ends or releases it, and
   * tells those who watch its thread. Events of earlier attempts stay before those of this one, and their
   * numbers are lower even if this process has never seen them.
   */
  begin(run: BeginningRun): void;

  /** A long stream loses its oldest events for it. */
  append(runId: string, events: readonly NewRunEvent[]): void;

  /**
   * Tells a process that appends faster than events can be kept when to go on: null at once. What waits to be kept
   * is bounded by it, and it is never a reader that is waited for.
   */
  whenReady(): Promise<void> | null;

  /** Gives up writing a stream without its end: somebody else executes the run now, or nobody. */
  release(runId: string): void;

  /** Marks the stream complete: readers finish after the last event. A second end changes nothing. */
  end(runId: string, result: RunResult): void;

  /**
   * Yields every event with `seq > after`, first those already there, then live ones, in order and without
   * gaps or repeats; what is ready together comes as one batch, unless it is large. Returns when the run ends
   * or `signal` aborts.
   *
   * @throws RunEventsDropped from the generator, when the next event is no longer kept
   */
  follow(runId: string, options: FollowOptions): RunEvents;

  /**
   * Waits for the end of a run.
   * @param isNew whether nothing can have happened to it before
   * @returns its result; null when `signal` aborted first
   */
  waitForEnd(runId: string, signal: AbortSignal, isNew?: boolean): Promise<RunResult | null>;

  /** How long the process that executed a run can tell how it ended. */
  readonly retentionMs: number;

  /**
   * The result of a run that ended a short while ago; null when it goes on, or is forgotten. Other processes are not
   * asked, as they are for a run whose end is waited for.
   */
  findResult(runId: string): Promise<RunResult | null>;

  /**
   * Ends a watched run of which something else than its stream says that it has ended. An end that its own
   * process told, or may be about to tell, comes before this one.
   */
  settle(runId: string, found: FoundEnd): void;

  /**
   * Resolves when what was appended can be read by everyone who has asked for it; of a run that is named, by
   * everyone, also when this process is gone. It does not fail: what cannot be kept after a while is given up.
   */
  flushed(runId?: string): Promise<void>;

  /**
   * Whether someone waits for the run whose end has to come from elsewhere: it has not ended, as far as this
   * process knows, and this process does not write its stream.
   */
  isWatched(runId: string): boolean;

  /** All such runs. */
  watchedRuns(): readonly string[];
}

/** What happens on a thread: its runs, one after the other, and what becomes of its state. */
interface ThreadBus {
  /** Tells those who watch a thread that its state has changed. */
  publishState(threadId: string, state: ThreadState): void;

  /** Ends the streams of a thread that has been deleted. */
  endThread(threadId: string): void;

  /**
   * Where a thread is now.
   * @param recentRuns those of it that have begun and may be known somewhere: if they are not known here, others
   *   are asked
   */
  findLatest(threadId: string, recentRuns?: readonly string[]): Promise<LatestOfThread>;

  /**
   * Yields what happens on a thread, first what is kept from `from` on, then what comes. Returns when the
   * thread is deleted or `signal` aborts.
   *
   * @throws ThreadEventsDropped from the generator, when the next entry of these kinds is no longer kept
   */
  followThread(threadId: string, options: FollowThreadOptions): AsyncGenerator<ThreadEntry, void, undefined>;

  /** All threads that someone follows, and that have not ended as far as this process knows. */
  watchedThreads(): readonly string[];
}

export interface BeginningRun {
  readonly run_id: string;
  readonly thread_id: string;
  readonly attempt: number;
  /** Whether its events have to survive this process. */
  readonly isResumable: boolean;
}

export interface FoundEnd {
  /** The first event, of which whoever follows a run that never began may have been told all the same. */
  readonly beginning: NewRunEvent;
  /** The last event. */
  readonly end: NewRunEvent;
  readonly result: RunResult;
  /** Whether a process may have executed the run, and so tell more of it. */
  readonly mayBeTold: boolean;
}

export interface FollowOptions {
  /** Null begins with the oldest event that is kept. */
  readonly after: number | null;
  readonly signal: AbortSignal;
  /** Whether nothing can have happened to the run before; false unless given. */
  readonly isNew?: boolean;
}

export type RunEvents = AsyncGenerator<readonly RunEvent[], void, undefined>;

export interface FollowThreadOptions {
  /** The entry with this id is included; null begins with the oldest one that is kept. */
  readonly from: ThreadEntryId | null;
  /** Which entries to yield, and to miss when they are gone. */
  readonly kinds: readonly ThreadEntryKind[];
  readonly signal: AbortSignal;
}

export const THREAD_ENTRY_KINDS = ["runs", "state"] as const;
export type ThreadEntryKind = (typeof THREAD_ENTRY_KINDS)[number];

/** A run that began can be followed as by `follow`, also when it is forgotten meanwhile. */
export type ThreadEntry = { readonly id: ThreadEntryId } & (
  | Exclude<NewThreadEntry, { kind: "run_began" }>
  | RunBegan
);

export type RunBegan = { readonly id: ThreadEntryId } & Extract<NewThreadEntry, { kind: "run_began" }> & {
    follow(options: FollowOptions): RunEvents;
  };

export interface LatestOfThread {
  /** After everything that has happened and before everything that will. */
  readonly id: ThreadEntryId;
  /** The run that is going on, and the number of its last event; null when there is none. */
  readonly run: { readonly began: RunBegan; readonly seq: number } | null;
}

/**
 * First event number of an attempt. Attempts are far enough apart for a client that reconnects with the
 * number of an earlier one to get the whole of the next, even from a process that knows only the latter.
 */
export const firstSeq = (attempt: number): number => (attempt - 1) * 2 ** 32 + 1;

/** Whether an event is the first one of an attempt: what comes before it is of an earlier one. */
export const isFirstSeq = (seq: number): boolean => (seq - 1) % 2 ** 32 === 0;
