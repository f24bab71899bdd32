import type { RunEvent, RunResult } from "../domain/run.ts";
import type { NewThreadEntry, ThreadEntryId } from "../domain/thread-stream.ts";

/**
 * Where the buses of all processes keep what is read in others: events, ends of runs and entries of threads.
 * What it is made of is not known here.
 */
export interface EventLog {
  /** Adds everything at once, or nothing. What is there already is left as it is, so a try can be repeated. */
  append(batch: LogBatch): Promise<void>;
  /** Whether an error means that the same may work later. */
  isRetriable(error: unknown): boolean;
  /**
   * Events after a number up to another one, in order: at least one if there is one, and more up to about so many
   * bytes.
   */
  read(range: EventRange): Promise<readonly RunEvent[]>;
  /** The same for several runs, with their ends, as they are at one moment. */
  readNews(wanted: readonly WantedNews[]): Promise<readonly RunNews[]>;
  /** Numbers of the last events of runs; one without events is not among them. */
  readLastSeqs(runIds: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** Null when the run goes on, or its end is not kept. */
  readEnd(runId: string): Promise<RunResult | null>;
  readThreads(wanted: WantedEntries): Promise<readonly LoggedEntry[]>;
}

export interface LogBatch {
  readonly events: readonly LoggedEvent[];
  readonly ends: readonly LoggedEnd[];
  readonly entries: readonly LoggedEntry[];
}

export interface LoggedEvent extends RunEvent {
  readonly run_id: string;
}

export interface LoggedEnd {
  readonly run_id: string;
  readonly last_seq: number;
  readonly result: RunResult;
}

export type LoggedEntry = NewThreadEntry & {
  readonly thread_id: string;
  readonly id: ThreadEntryId;
  /** Whether it was written some time after it happened: then it is no news to those who follow from now on. */
  readonly is_past: boolean;
};

export interface EventRange {
  readonly run_id: string;
  readonly after: number;
  /** The last number to read. */
  readonly upTo: number;
  readonly maxBytes: number;
}

export interface WantedNews {
  readonly run_id: string;
  /** Null asks for no events, only for the end. */
  readonly after: number | null;
}

export interface RunNews {
  readonly run_id: string;
  readonly events: readonly RunEvent[];
  /** Whether these are all. */
  readonly isComplete: boolean;
  /** Null while the run goes on. */
  readonly end: Omit<LoggedEnd, "run_id"> | null;
}

export interface WantedEntries {
  readonly thread_ids: readonly string[];
  /** Only entries that were added so recently; null for all that are kept. */
  readonly recentMs: number | null;
}
