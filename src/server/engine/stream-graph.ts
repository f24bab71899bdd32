import type { BaseCallbackHandler } from "@langchain/core/callbacks/base";
import type { StreamEvent } from "@langchain/core/tracers/log_stream";
import { isGraphDrained, RunControl } from "@langchain/langgraph";
import type { BaseStore } from "@langchain/langgraph-checkpoint";
import { type ClaimedRun, type NewRunEvent, RunDrained, toBeginning } from "../domain/run.ts";
import { toRunnableConfig } from "./checkpoint-config.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import type { OpenStore } from "./graph-store.ts";
import type { HoldingSaver } from "./holding-saver.ts";
import { createTracer } from "./langsmith-tracer.ts";
import type { Graph } from "./load-graph.ts";
import { requireOpenQuestions } from "./require-open-questions.ts";
import { silentListener } from "./silent-listener.ts";
import {
  createEventTranslator,
  type GraphChunk,
  needsSubgraphs,
  type StreamRequest,
  toEvent,
  toGraphModes,
} from "./stream-events.ts";
import { toCommand } from "./to-command.ts";

export interface StreamSignals {
  /** Stops the run as soon as possible. */
  readonly abort: AbortSignal;
  /** Stops the run at the end of the current step, with its state saved. */
  readonly drain: AbortSignal;
}

interface Deps {
  readonly graphs: GraphRegistry;
  readonly checkpointer: HoldingSaver;
  readonly openStore: OpenStore;
  readonly langGraphVersion: string;
}

/**
 * Executes a run and yields the protocol's events, in order. Knows nothing of rows, queues or HTTP.
 *
 * @throws RunDrained when `drain` ended it early; whatever the graph throws; the reason of `abort`
 */
export async function* streamGraph(
  { graphs, checkpointer, openStore, langGraphVersion }: Deps,
  run: ClaimedRun,
  signals: StreamSignals,
): AsyncGenerator<NewRunEvent, void, undefined> {
  const { kwargs } = run;
  yield toBeginning(run.run_id, run.attempt);
  // LangGraph would begin, and write its first checkpoint, before it looks at the signal.
  signals.abort.throwIfAborted();

  if (holdsState(run)) checkpointer.hold(run, { isOwn: run.delete_thread && run.attempt === 1 });
  const resuming = run.attempt > 1 && (await hasProgress(checkpointer, run, signals.abort));
  const options = toStreamOptions(run, { resuming, langGraphVersion });
  const graph = await graphs.get(
    kwargs.graph_id,
    { configurable: options.configurable, metadata: options.metadata },
    { accessContext: "threads.create_run", executionRuntime: { context: kwargs.context } },
  );

  if (!resuming) await requireOpenQuestions(graph, run);

  const control = new RunControl();
  const onDrain = () => control.requestDrain("hand-back");
  signals.drain.addEventListener("abort", onDrain);
  if (signals.drain.aborted) onDrain();
  try {
    const { items, toEvents } = await openGraphStream(graph, resuming ? null : toGraphInput(run), {
      request: { modes: new Set(kwargs.stream_mode), subgraphs: kwargs.stream_subgraphs },
      options: { ...options, store: openStore(run), signal: signals.abort, control },
      runId: run.run_id,
    });
    // Here and not in a generator of its own: each costs every token some turns of the queue of promises.
    for await (const item of items) {
      for (const event of toEvents(item)) yield event;
    }
  } catch (error) {
    // What comes next reads, deletes or hands over the thread's state.
    await checkpointer.written(run.thread_id);
    if (isGraphDrained(error)) throw new RunDrained({ cause: error });
    throw error;
  } finally {
    signals.drain.removeEventListener("abort", onDrain);
  }
}

/**
 * Whether what the run does may be in the database a moment later than it is done. Not where clients are told of
 * checkpoints, and may ask for them.
 */
const holdsState = ({ kwargs: { durability, stream_mode } }: ClaimedRun): boolean =>
  durability === "async" && !stream_mode.some((mode) => mode === "checkpoints" || mode === "debug");

/**
 * Whether an earlier attempt of this run has left a checkpoint. Then the graph goes on from there: its
 * input, command or fork point are in that checkpoint and must not be applied again.
 */
async function hasProgress(
  checkpointer: HoldingSaver,
  run: ClaimedRun,
  signal: AbortSignal,
): Promise<boolean> {
  const latest = await checkpointer.getTuple({ ...toRunnableConfig(run.thread_id), signal });
  return (latest?.metadata as { run_id?: unknown } | undefined)?.run_id === run.run_id;
}

function toStreamOptions(
  run: ClaimedRun,
  { resuming, langGraphVersion }: { resuming: boolean; langGraphVersion: string },
) {
  const { config, context, interrupt_before, interrupt_after, durability } = run.kwargs;
  const { checkpoint_id, ...configurable } = config.configurable ?? {};
  return {
    configurable: {
      ...configurable,
      checkpoint_ns: configurable["checkpoint_ns"] ?? "",
      ...(checkpoint_id !== undefined && !resuming && { checkpoint_id }),
    },
    metadata: {
      ...config.metadata,
      run_attempt: run.attempt,
      langgraph_version: langGraphVersion,
      langgraph_host: "self-hosted",
    },
    tags: [...(config.tags ?? [])],
    runId: run.run_id,
    durability,
    ...toCallbacks(run),
    // Keys that are undefined would override what the graph was compiled with.
    ...(config.run_name !== undefined && { runName: config.run_name }),
    ...(config.recursion_limit !== undefined && { recursionLimit: config.recursion_limit }),
    ...(config.max_concurrency !== undefined && { maxConcurrency: config.max_concurrency }),
    ...(context !== null && { context }),
    ...(interrupt_before !== null && { interruptBefore: toNodes(interrupt_before) }),
    ...(interrupt_after !== null && { interruptAfter: toNodes(interrupt_after) }),
  };
}

/**
 * Each listener costs every step and every token something. For the ids of messages there need be none where LangGraph
 * listens itself, because messages are streamed, nor where the saver sees what nodes write before others do.
 */
function toCallbacks({ kwargs }: ClaimedRun): { callbacks?: BaseCallbackHandler[] } {
  const { durability, langsmith_tracer, stream_mode } = kwargs;
  const tracer = langsmith_tracer ? createTracer(langsmith_tracer) : null;
  if (tracer !== null) return { callbacks: [tracer] };
  const hasListener = stream_mode.some((mode) => mode === "messages" || mode === "messages-tuple");
  return hasListener || durability !== "exit" ? {} : { callbacks: [silentListener] };
}

const toNodes = (nodes: readonly string[] | "*") => (nodes === "*" ? nodes : [...nodes]);

interface Translation {
  readonly request: StreamRequest;
  readonly options: ReturnType<typeof toStreamOptions> & {
    readonly store: BaseStore;
    readonly signal: AbortSignal;
    readonly control: RunControl;
  };
  readonly runId: string;
}

interface GraphStream {
  readonly items: AsyncIterable<unknown>;
  readonly toEvents: (item: unknown) => readonly NewRunEvent[];
}

async function openGraphStream(
  graph: Graph,
  input: unknown,
  { request, options, runId }: Translation,
): Promise<GraphStream> {
  const toEvents = createEventTranslator(request);
  const streamMode = toGraphModes(request);
  const subgraphs = needsSubgraphs(request);
  const toChunk = (item: unknown): GraphChunk =>
    (subgraphs ? item : [[], ...(item as readonly unknown[])]) as GraphChunk;

  if (!request.modes.has("events")) {
    const items = await graph.stream(input, { ...options, streamMode, subgraphs });
    return { items, toEvents: (item) => toEvents(toChunk(item)) };
  }
  return {
    items: graph.streamEvents(input, { ...options, streamMode, subgraphs, version: "v2" }),
    // LangChain's own events; LangGraph's stream is among them, as the chunks of the outermost chain.
    toEvents(item) {
      const event = item as StreamEvent;
      if (event.tags?.includes("langsmith:hidden")) return [];
      if (event.event === "on_chain_stream" && event.run_id === runId) {
        return toEvents(toChunk(event.data.chunk));
      }
      return [toEvent("events", [], event)];
    },
  };
}

/** A command wins over an input: clients that resume send both. */
const toGraphInput = ({ kwargs }: ClaimedRun): unknown =>
  kwargs.command === null ? (kwargs.input ?? null) : toCommand(kwargs.command);
