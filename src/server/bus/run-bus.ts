import type { NewRunEvent, RunEvent, RunResult } from "../domain/run.ts";

/** Carries the events of a run from the worker that produces them to every client that watches. */
export interface RunBus {
  /**
   * Opens the stream of one attempt of a run, to be written by this process until it ends or releases it.
   * Events of earlier attempts stay before those of this one, and their numbers are lower even if this
   * process has never seen them.
   */
  begin(runId: string, attempt: number): void;

  append(runId: string, events: readonly NewRunEvent[]): void;

  /** Gives up writing a stream without its end: somebody else executes the run now, or nobody. */
  release(runId: string): void;

  /** Marks the stream complete: readers finish after the last event. A second end changes nothing. */
  end(runId: string, result: RunResult): void;

  /**
   * Yields every event with `seq > after`, first those already there, then live ones, in order and
   * without gaps or repeats; what is ready together comes as one batch. Returns when the run ends or
   * `signal` aborts.
   */
  follow(
    runId: string,
    options: { readonly after: number; readonly signal: AbortSignal },
  ): AsyncGenerator<readonly RunEvent[], void, undefined>;

  /** Waits for the end of a run. @returns its result; null when `signal` aborted first */
  waitForEnd(runId: string, signal: AbortSignal): Promise<RunResult | null>;

  /** The result of a run that ended a short while ago; null when it goes on, or is forgotten. */
  findResult(runId: string): RunResult | null;

  /**
   * Whether someone waits for the run whose end has to come from elsewhere: it has not ended, as far as this
   * process knows, and this process does not write its stream.
   */
  isWatched(runId: string): boolean;

  /** All such runs. */
  watchedRuns(): readonly string[];
}

/**
 * First event number of an attempt. Attempts are far enough apart for a client that reconnects with the
 * number of an earlier one to get the whole of the next, even from a process that knows only the latter.
 */
export const firstSeq = (attempt: number): number => (attempt - 1) * 2 ** 32 + 1;
