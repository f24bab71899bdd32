import type { JsonObject } from "./json.ts";

export type ThreadStatus = "idle" | "busy" | "interrupted" | "error";

/** One question a graph has asked and not had answered. */
export interface Interrupt {
  readonly id?: string;
  readonly value: unknown;
}

/** Open interrupts by the id of the task that raised them. */
export type Interrupts = Readonly<Record<string, readonly Interrupt[]>>;

/** A conversation: the state that runs read and write, and where it stands. */
export interface Thread {
  readonly thread_id: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  /** When the state last changed, as opposed to the metadata. */
  readonly state_updated_at: Date;
  readonly metadata: JsonObject;
  readonly config: JsonObject;
  readonly status: ThreadStatus;
  /** State after the last finished run or state update; null before the first. */
  readonly values: unknown;
  readonly interrupts: Interrupts;
  /** Why the last run failed; null unless `status` is `error`. */
  readonly error: JsonObject | null;
}

/** What the end of a run or an update of the state leaves on the thread's row. */
export interface ThreadOutcome {
  readonly status: Exclude<ThreadStatus, "busy">;
  /** Null keeps what is there. */
  readonly values: JsonObject | readonly unknown[] | null;
  readonly interrupts: Interrupts;
  readonly error: JsonObject | null;
}

/** What happens to a thread at the end of its life: it goes, or all but its latest state does. */
export const PRUNE_STRATEGIES = ["delete", "keep_latest"] as const;
export type PruneStrategy = (typeof PRUNE_STRATEGIES)[number];

/** How long a thread may live, as it is asked for. */
export interface NewThreadTtl {
  readonly strategy: PruneStrategy;
  /** From now on. */
  readonly ttl_minutes: number;
}

/** How long a thread may live. */
export interface ThreadTtl extends NewThreadTtl {
  readonly expires_at: Date;
}

/** The fields of a thread, in the order in which they are shown. */
export const THREAD_FIELDS = [
  "thread_id",
  "created_at",
  "updated_at",
  "state_updated_at",
  "metadata",
  "config",
  "status",
  "values",
  "interrupts",
  "error",
] as const satisfies readonly (keyof Thread)[];
export type ThreadField = (typeof THREAD_FIELDS)[number];

/** What a search found of a thread: the fields that were selected, and what was taken out of it by path. */
export type FoundThread = Partial<Thread> & { readonly extracted?: JsonObject };

export const THREAD_SORT_KEYS = [
  "thread_id",
  "status",
  "created_at",
  "updated_at",
  "state_updated_at",
] as const;
export type ThreadSortKey = (typeof THREAD_SORT_KEYS)[number];
