import type { JsonObject } from "./json.ts";
import type { Interrupt } from "./thread.ts";

/** A point in a thread's history, as clients name it. Without `checkpoint_id` it means the latest one. */
export interface CheckpointRef {
  readonly checkpoint_id?: string;
  readonly checkpoint_ns?: string;
  /** By namespace, the checkpoints of the graphs around a subgraph. */
  readonly checkpoint_map?: Readonly<Record<string, string>>;
}

/** A point in a thread's history, as the server names it. */
export interface Checkpoint {
  readonly thread_id: string;
  readonly checkpoint_ns: string;
  readonly checkpoint_id: string | null;
  readonly checkpoint_map: JsonObject | null;
}

/** A step that is due, was interrupted, or failed. */
export interface ThreadTask {
  readonly id: string;
  readonly name: string;
  readonly path: readonly unknown[];
  readonly error: string | null;
  readonly interrupts: readonly Interrupt[];
  /** Where the subgraph that this task runs keeps its state. */
  readonly checkpoint: Checkpoint | null;
  /** The subgraph's state, when it was asked for. */
  readonly state: ThreadState | null;
  readonly result: unknown;
}

/** State of a thread at one checkpoint; a thread without any has empty values and nulls. */
export interface ThreadState {
  readonly values: JsonObject | readonly unknown[];
  /** Nodes that would run next; empty when the graph is at its end. */
  readonly next: readonly string[];
  readonly tasks: readonly ThreadTask[];
  readonly metadata: JsonObject;
  readonly created_at: string | null;
  readonly checkpoint: Checkpoint | null;
  readonly parent_checkpoint: Checkpoint | null;
  readonly interrupts: readonly Interrupt[];
}
