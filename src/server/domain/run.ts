import { isJsonObject, type JsonObject } from "./json.ts";
import type { Interrupt } from "./thread.ts";

export const RUN_STATUSES = ["pending", "running", "success", "error", "timeout", "interrupted"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** What to do when the thread already has an unfinished run. */
export const MULTITASK_STRATEGIES = ["reject", "enqueue", "interrupt", "rollback"] as const;
export type MultitaskStrategy = (typeof MULTITASK_STRATEGIES)[number];

/** `interrupt` stops a run and keeps what it did; `rollback` undoes and deletes it. */
export type CancelAction = "interrupt" | "rollback";

export const STREAM_MODES = [
  "values",
  "updates",
  "messages",
  "messages-tuple",
  "custom",
  "debug",
  "events",
  "tasks",
  "checkpoints",
  "tools",
  "lifecycle",
] as const;
export type StreamMode = (typeof STREAM_MODES)[number];

/** LangGraph's Command as JSON. */
export interface RunCommand {
  readonly update?: unknown;
  readonly resume?: unknown;
  readonly goto?: RunGoto | readonly RunGoto[] | null | undefined;
}

export type RunGoto = string | { readonly node: string; readonly input?: unknown };

/** LangGraph's RunnableConfig as JSON; snake_case on the wire. */
export interface RunConfig {
  readonly tags?: readonly string[];
  readonly recursion_limit?: number;
  readonly max_concurrency?: number;
  readonly run_name?: string;
  readonly metadata?: JsonObject;
  readonly configurable?: JsonObject;
}

/** Everything that executing a run needs, stored with it. Shown to clients as `kwargs`. */
export interface RunKwargs {
  readonly graph_id: string;
  readonly input: unknown;
  readonly command: RunCommand | null;
  readonly config: RunConfig;
  /** Null when neither the assistant nor the run has any. */
  readonly context: JsonObject | null;
  readonly stream_mode: readonly StreamMode[];
  readonly stream_subgraphs: boolean;
  readonly stream_resumable: boolean;
  readonly interrupt_before: readonly string[] | "*" | null;
  readonly interrupt_after: readonly string[] | "*" | null;
  readonly durability: "sync" | "async" | "exit";
}

/**
 * One execution of an assistant on a thread. A pending run *is* the queue entry; there is no job table.
 * Field names are the protocol's, unchanged from column to wire.
 */
export interface Run {
  readonly run_id: string;
  readonly thread_id: string;
  readonly assistant_id: string;
  readonly status: RunStatus;
  readonly multitask_strategy: MultitaskStrategy;
  readonly metadata: JsonObject;
  readonly kwargs: RunKwargs;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** What proves that a worker still owns a run; every write of a worker carries it. */
export interface Fence {
  readonly run_id: string;
  readonly worker_id: string;
  /** Claims so far, counting this one; 1 on the first try. Never falls. */
  readonly attempt: number;
}

/** A run as its worker sees it. */
export interface ClaimedRun extends Run, Fence {
  /** The thread exists for this run alone and goes with it. */
  readonly delete_thread: boolean;
  /** Asked for while another worker had it; null otherwise. */
  readonly cancel_requested: CancelAction | null;
}

export interface NewRun {
  readonly run_id: string;
  readonly thread_id: string;
  readonly assistant_id: string;
  readonly multitask_strategy: MultitaskStrategy;
  readonly metadata: JsonObject;
  readonly kwargs: RunKwargs;
  readonly delete_thread: boolean;
  /** Earliest start, counted from now. */
  readonly delaySeconds: number;
}

/** How a run ended, for those who wait for it. */
export interface RunResult {
  readonly status: Exclude<RunStatus, "pending" | "running">;
  /** State of the thread at the end; null when there is none. */
  readonly values: unknown;
  readonly interrupts: readonly Interrupt[];
  readonly error: RunFailure | null;
}

/** A failure as clients see it: its kind and message, never its stack. */
export interface RunFailure {
  readonly error: string;
  readonly message: string;
}

/** One server-sent event of a run, before it has a place in the stream. */
export interface NewRunEvent {
  readonly event: string;
  /** JSON text: serialised once, however many watch. */
  readonly data: string;
}

/** `seq` rises within a run, over all its attempts, but may leave gaps. */
export interface RunEvent extends NewRunEvent {
  readonly seq: number;
}

export const isFinished = (status: RunStatus): boolean => status !== "pending" && status !== "running";

/** Takes an error as it was thrown, or as LangGraph keeps it: a plain object with its name and message. */
export const toRunFailure = (error: unknown): RunFailure =>
  error instanceof Error || isKeptError(error)
    ? { error: error.name, message: error.message }
    : { error: "Error", message: String(error) };

const isKeptError = (error: unknown): error is { readonly name: string; readonly message: string } =>
  isJsonObject(error) && typeof error["name"] === "string" && typeof error["message"] === "string";

/** A run that stopped between two steps because it was asked to; it goes on from its last checkpoint. */
export class RunDrained extends Error {
  override readonly name = "RunDrained";

  constructor(options?: ErrorOptions) {
    super("The run was stopped to be handed back", options);
  }
}

/** Why a running run has to stop. */
export type StopReason = CancelAction | "lease_lost" | "drain";

/** The reason of the signal that stops a run. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
  readonly reason: StopReason;

  constructor(reason: StopReason) {
    super(`The run was stopped: ${reason}`);
    this.reason = reason;
  }
}
