import type { RunnableConfig } from "@langchain/core/runnables";
import type { StateSnapshot } from "@langchain/langgraph";
import type { CheckpointRef, ThreadState, ThreadTask } from "../domain/checkpoint.ts";
import { invalid } from "../domain/errors.ts";
import { isJsonObject, type JsonObject } from "../domain/json.ts";
import { toRunFailure } from "../domain/run.ts";
import type { Interrupt, Interrupts } from "../domain/thread.ts";
import { toCheckpoint, toRunnableConfig } from "./checkpoint-config.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import type { Graph } from "./load-graph.ts";
import { type NodeReference, requireNode } from "./require-nodes.ts";
import { toJson } from "./to-json.ts";

/** Which graph reads the state of a thread, and how it is configured. */
export interface ThreadGraph {
  readonly graph_id: string;
  readonly thread_id: string;
  /** The `configurable` of the assistant or the last run, for graphs that are made per request. */
  readonly configurable: JsonObject;
}

/** @param subgraphs whether to read the state of subgraphs too */
export async function readThreadState(
  graphs: GraphRegistry,
  thread: ThreadGraph,
  { checkpoint = {}, subgraphs }: { readonly checkpoint?: CheckpointRef; readonly subgraphs: boolean },
): Promise<ThreadState> {
  const graph = await openGraph(graphs, thread, "threads.read");
  const config = toRunnableConfig(thread.thread_id, checkpoint);
  return toThreadState(await refuseBadState(() => graph.getState(config, { subgraphs })));
}

export interface HistoryOptions {
  readonly limit: number;
  /** Only states before this one. */
  readonly before: CheckpointRef | null;
  readonly metadata: JsonObject | null;
  /** Names the subgraph whose history is meant; without it, the graph's own. */
  readonly checkpoint: CheckpointRef;
}

/** States of a thread, newest first. */
export async function readThreadHistory(
  graphs: GraphRegistry,
  thread: ThreadGraph,
  { limit, before, metadata, checkpoint }: HistoryOptions,
): Promise<ThreadState[]> {
  const graph = await openGraph(graphs, thread, "threads.read");
  const states: ThreadState[] = [];
  const snapshots = graph.getStateHistory(toRunnableConfig(thread.thread_id, checkpoint), {
    limit,
    ...(before !== null && { before: toRunnableConfig(thread.thread_id, before) }),
    ...(metadata !== null && { filter: { ...metadata } }),
  });
  await refuseBadState(async () => {
    for await (const snapshot of snapshots) states.push(toThreadState(snapshot));
  });
  return states;
}

export interface StateUpdate {
  readonly values: unknown;
  readonly as_node: string | null;
  readonly checkpoint: CheckpointRef;
}

/** What LangGraph understands in place of a node: the start, the end, a new input, a copy of the checkpoint. */
export const LANGGRAPH_NODES: ReadonlySet<string> = new Set([
  "__start__",
  "__end__",
  "__input__",
  "__copy__",
]);

/**
 * Writes to the state as if a node had.
 * @returns the new checkpoint
 * @throws DomainError `validation_error` when the graph refuses the update
 */
export async function updateThreadState(
  graphs: GraphRegistry,
  thread: ThreadGraph,
  { values, as_node, checkpoint }: StateUpdate,
): Promise<ReturnType<typeof toCheckpoint>> {
  const graph = await openGraph(graphs, thread, "threads.update");
  // A subgraph has nodes of its own.
  if ((checkpoint.checkpoint_ns ?? "") === "") {
    if (as_node !== null && !LANGGRAPH_NODES.has(as_node)) {
      requireNode(graph, thread.graph_id, { path: "as_node", node: as_node });
    }
    // LangGraph would find the node missing when it has written the copy already.
    for (const { path, node } of namedByWrites(values)) requireNode(graph, thread.graph_id, { path, node });
  }
  const config = toRunnableConfig(thread.thread_id, checkpoint);
  return toCheckpoint(
    await refuseBadState(() => graph.updateState(config, mergeUpdates(values), as_node ?? undefined)),
  );
}

/** The nodes of a list of `[values, node]`, with which a checkpoint is copied. */
const namedByWrites = (values: unknown): NodeReference[] =>
  (Array.isArray(values) ? values : []).flatMap((item: unknown, position) =>
    Array.isArray(item) ? [{ path: `values.${position}.1`, node: String(item[1]) }] : [],
  );

/** A list of updates stands for all of them at once, later ones winning. */
export const mergeUpdates = (values: unknown): unknown =>
  Array.isArray(values) && values.every(isJsonObject) ? Object.assign({}, ...values) : values;

/** @throws DomainError `not_found` or `validation_error` when there is no such graph, or it cannot be made */
export const openGraph = (
  graphs: GraphRegistry,
  { graph_id, thread_id, configurable }: ThreadGraph,
  accessContext: "threads.read" | "threads.update",
): Promise<Graph> => {
  const config: RunnableConfig = { configurable: { ...configurable, thread_id } };
  return graphs.get(graph_id, config, { accessContext, executionRuntime: null });
};

/** LangGraph's errors for a state, node or subgraph that the graph does not have. */
async function refuseBadState<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof Error && isRefusal(cause)) {
      throw invalid(/subgraph/i.test(cause.message) ? "checkpoint.checkpoint_ns" : "values", cause.message, {
        cause,
      });
    }
    throw cause;
  }
}

const isRefusal = (error: Error): boolean =>
  ["InvalidUpdateError", "GraphValueError", "EmptyInputError", "StateGraphInputError"].includes(error.name) ||
  // LangGraph throws a plain Error for these; the texts are those of 1.7.
  /^(Subgraph .* not found|Node .* (not found|does not exist)|No subgraph)/i.test(error.message);

function toThreadState(snapshot: StateSnapshot): ThreadState {
  const tasks = snapshot.tasks.map(toThreadTask);
  const checkpoint = toCheckpoint(snapshot.config);
  return {
    values: toJson(snapshot.values) as ThreadState["values"],
    next: snapshot.next,
    tasks,
    metadata: (toJson(snapshot.metadata) ?? {}) as JsonObject,
    created_at: snapshot.createdAt ?? null,
    // LangGraph answers for a thread without checkpoints too, with the config it was asked with.
    checkpoint: checkpoint?.checkpoint_id == null ? null : checkpoint,
    parent_checkpoint: toCheckpoint(snapshot.parentConfig),
    interrupts: tasks.flatMap(({ interrupts }) => interrupts),
  };
}

function toThreadTask(task: StateSnapshot["tasks"][number]): ThreadTask {
  const { state } = task;
  return {
    id: task.id,
    name: task.name,
    path: (toJson(task.path) ?? []) as readonly unknown[],
    error: task.error === undefined || task.error === null ? null : toRunFailure(task.error).message,
    interrupts: toJson(task.interrupts) as readonly Interrupt[],
    checkpoint: state !== undefined && !("values" in state) ? toCheckpoint(state) : null,
    state: state !== undefined && "values" in state ? toThreadState(state as StateSnapshot) : null,
    result: toJson((task as { result?: unknown }).result) ?? null,
  };
}

/** Open interrupts by task, as a thread shows them. */
export const interruptsByTask = (state: ThreadState): Interrupts =>
  Object.fromEntries(
    state.tasks.filter(({ interrupts }) => interrupts.length > 0).map((task) => [task.id, task.interrupts]),
  );
