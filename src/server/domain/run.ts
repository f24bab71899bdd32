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
  /** Becomes the run's own id. */
  readonly run_id?: string;
  readonly tags?: readonly string[];
  readonly recursion_limit?: number;
  readonly max_concurrency?: number;
  readonly run_name?: string;
  readonly metadata?: JsonObject;
  readonly configurable?: JsonObject;
}

/** Where in LangSmith the traces of a run go: a project by its name, and an example of a dataset by its id. */
export interface TraceDestination {
  readonly project_name?: string | undefined;
  readonly example_id?: string | undefined;
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
  /** Whether the run fails instead of answering a question that nobody asks any more. */
  readonly strict_resume: boolean;
  /** Kinds of feedback for which the run gets addresses that need no key. */
  readonly feedback_keys: readonly string[];
  /** Null leaves its traces, if there are any, to the settings of the process. */
  readonly langsmith_tracer: TraceDestination | null;
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
  /** Why the run was cancelled; null unless it was. */
  readonly cancel_reason: string | null;
  /** The hosted server's name for where it traces a run to; no run has it here. */
  readonly langsmith_session_name?: string | null;
}

/**
 * Why a run was cancelled. The protocol fixes only the beginning of the one for an input that another run has used:
 * `taken:`.
 */
export const CANCEL_REASONS = {
  requested: "requested",
  taken: "taken: its input went into another run",
  disconnected: "disconnected: its client went away",
} as const;

export const supersededBy = (runId: string): string => `superseded: by run ${runId}`;

/** What proves that a worker still owns a run; every write of a worker carries it. */
export interface Fence {
  readonly run_id: string;
  readonly worker_id: string;
  /** Claims so far, counting this one; 1 on the first try. Never falls. */
  readonly attempt: number;
}

/** What is written while a graph runs carries this, and is taken only as long as the attempt has the run. */
export type Attempt = Pick<Fence, "run_id" | "attempt">;

/** Thrown to a graph that was lost and goes on nevertheless, as one does in a process that was paused. */
export class AttemptOver extends Error {
  override readonly name = "AttemptOver";

  constructor({ run_id, attempt }: Attempt) {
    super(
      `Attempt ${attempt} of run '${run_id}' is over: another worker has taken the run over, or it has ended. ` +
        "Nothing that this attempt does is written any more.",
    );
  }
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

/** Addresses to send feedback on a run to, by its kind. */
export type FeedbackUrls = Readonly<Record<string, string>>;

/** How a run ended, for those who wait for it. */
export interface RunResult {
  readonly status: Exclude<RunStatus, "pending" | "running">;
  /** State of the thread at the end; null when there is none. */
  readonly values: unknown;
  readonly interrupts: readonly Interrupt[];
  readonly error: RunFailure | null;
  /** Absent when none were asked for, or there are none to be had. */
  readonly feedback?: FeedbackUrls;
}

/** A failure as clients see it: its kind and message, never its stack. */
export interface RunFailure {
  readonly error: string;
  readonly message: string;
  /** Of a resume that was refused: why, which of its questions are not open, and which ones are. */
  readonly reason?: ResumeRefused["reason"];
  readonly interrupt_ids?: readonly string[];
  readonly pending_ids?: readonly string[];
}

/** A strict resume that does not fit the open questions. Nothing was executed; the questions stay open. */
export class ResumeRefused extends Error {
  /** The protocol's name, by which clients know it. */
  override readonly name = "UnknownInterruptError";
  readonly reason: "not_pending" | "empty_map" | "ambiguous";
  readonly interruptIds: readonly string[];
  readonly pendingIds: readonly string[];

  constructor(
    message: string,
    refusal: Pick<ResumeRefused, "reason" | "pendingIds"> & { readonly interruptIds?: readonly string[] },
  ) {
    super(message);
    this.reason = refusal.reason;
    this.interruptIds = refusal.interruptIds ?? [];
    this.pendingIds = refusal.pendingIds;
  }
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

/** What each attempt begins with. Of a run that has been accepted, the first event is thus known. */
export const toBeginning = (run_id: string, attempt: number): NewRunEvent => ({
  event: "metadata",
  data: JSON.stringify({ run_id, attempt }),
});

/** Whether a run ended because something went wrong. */
export const hasFailed = (status: RunStatus | null): boolean => status === "error" || status === "timeout";

export const isFinished = (status: RunStatus): boolean => status !== "pending" && status !== "running";

/** Takes an error as it was thrown, or as LangGraph keeps it: a plain object with its name and message. */
export function toRunFailure(error: unknown): RunFailure {
  if (error instanceof ResumeRefused) {
    const { name, message, reason, interruptIds, pendingIds } = error;
    return { error: name, message, reason, interrupt_ids: interruptIds, pending_ids: pendingIds };
  }
  return error instanceof Error || isKeptError(error)
    ? { error: error.name, message: error.message }
    : { error: "Error", message: String(error) };
}

const isKeptError = (error: unknown): error is { readonly name: string; readonly message: string } =>
  isJsonObject(error) && typeof error["name"] === "string" && typeof error["message"] === "string";

/** Why a run that took too long was stopped, for clients. */
export const timeoutFailure = (timeoutMs: number): RunFailure => ({
  error: "TimeoutError",
  message: `The run took longer than ${timeoutMs / 1000} seconds, the limit of this server (BG_JOB_TIMEOUT_SECS), and was stopped.`,
});

/** A run that stopped between two steps because it was asked to; it goes on from its last checkpoint. */
export class RunDrained extends Error {
  override readonly name = "RunDrained";

  constructor(options?: ErrorOptions) {
    super("The run was stopped to be handed back", options);
  }
}

/** Why a running run has to stop. */
export type StopReason = CancelAction | "lease_lost" | "drain" | "timeout";

/** The reason of the signal that stops a run. */
export class RunStopped extends Error {
  override readonly name = "RunStopped";
  readonly reason: StopReason;
  /** What clients are told; null when stopping it is no failure. */
  readonly failure: RunFailure | null;

  constructor(reason: StopReason, failure: RunFailure | null = null) {
    super(`The run was stopped: ${reason}`);
    this.reason = reason;
    this.failure = failure;
  }
}
