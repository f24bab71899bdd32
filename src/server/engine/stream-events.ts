import { type BaseMessage, type BaseMessageChunk, isBaseMessage } from "@langchain/core/messages";
import type { StreamMode as GraphStreamMode } from "@langchain/langgraph";
import { isCheckpointEnvelope } from "@langchain/langgraph/web";
import { isJsonObject, type JsonObject } from "../domain/json.ts";
import { type NewRunEvent, type StreamMode, toRunFailure } from "../domain/run.ts";
import { toCheckpoint } from "./checkpoint-config.ts";
import { createLifecycleTracker } from "./lifecycle-tracker.ts";
import { toJson } from "./to-json.ts";

/** One item of LangGraph's stream: the subgraph it comes from, its mode, its payload. */
export type GraphChunk = readonly [namespace: readonly string[], mode: GraphStreamMode, payload: unknown];

export interface StreamRequest {
  readonly modes: ReadonlySet<StreamMode>;
  /** Whether events of subgraphs are wanted. */
  readonly subgraphs: boolean;
}

/** What LangGraph has to be asked for so that the wanted events can be made of it. */
export function toGraphModes({ modes }: StreamRequest): GraphStreamMode[] {
  const wanted = new Set<GraphStreamMode>();
  for (const mode of modes) {
    if (mode === "messages-tuple") wanted.add("messages");
    else if (mode === "messages") wanted.add("messages").add("values");
    else if (mode === "lifecycle") wanted.add("tasks");
    else if (mode !== "events") wanted.add(mode);
  }
  return [...wanted];
}

/** Lifecycle events are about subgraphs, so those must be streamed even if nothing else of them is wanted. */
export const needsSubgraphs = ({ modes, subgraphs }: StreamRequest): boolean =>
  subgraphs || modes.has("lifecycle");

/** Translates LangGraph's stream of one run into the protocol's events. It has memory: make one per run. */
export function createEventTranslator(request: StreamRequest): (chunk: GraphChunk) => NewRunEvent[] {
  const { modes, subgraphs } = request;
  const toMessages = modes.has("messages") ? createMessageAccumulator() : () => [];
  const toLifecycle = modes.has("lifecycle") ? createLifecycleTracker() : () => [];
  const toTokenData = createTokenEncoder();
  const isOnlyTuple = modes.has("messages-tuple") && !modes.has("messages") && !modes.has("lifecycle");

  return ([namespace, mode, payload]) => {
    if (mode === "messages" && isOnlyTuple) {
      if (namespace.length > 0 && !subgraphs) return [];
      return [{ event: toName("messages", namespace), data: toTokenData(payload) }];
    }
    const lifecycle = toLifecycle(namespace, mode, payload);
    if (namespace.length > 0 && !subgraphs) return lifecycle;
    const payloads = [...toMessages(mode, payload), ...toPayloads(modes, mode, payload)];
    return [...lifecycle, ...payloads.map(([event, data]) => toEvent(event, namespace, data))];
  };
}

type Payload = readonly [event: string, data: unknown];

function toPayloads(modes: ReadonlySet<StreamMode>, mode: GraphStreamMode, payload: unknown): Payload[] {
  if (mode === "messages") return modes.has("messages-tuple") ? [["messages", payload]] : [];
  // LangGraph adds light envelopes to the checkpoints, for another protocol.
  if (!modes.has(mode) || isCheckpointEnvelope(payload)) return [];
  return [[mode, toProtocolPayload(mode, payload)]];
}

/** An event of a subgraph carries its namespace in its name: `updates|child:1f…`. */
export const toEvent = (event: string, namespace: readonly string[], data: unknown): NewRunEvent => ({
  event: toName(event, namespace),
  data: JSON.stringify(toJson(data) ?? null),
});

const toName = (event: string, namespace: readonly string[]): string =>
  namespace.length === 0 ? event : [event, ...namespace].join("|");

/**
 * Writes messages with their metadata as JSON. All tokens of a call of a model come with one and the same object of
 * metadata, most of their text, which is written once.
 */
function createTokenEncoder(): (payload: unknown) => string {
  const written = new WeakMap<object, string>();
  const toText = (value: unknown) => JSON.stringify(toJson(value) ?? null);
  const toMetadataText = (metadata: object): string => {
    const text = written.get(metadata) ?? toText(metadata);
    written.set(metadata, text);
    return text;
  };
  return (payload) => {
    const [message, metadata] = payload as [unknown, unknown];
    const isShared = typeof metadata === "object" && metadata !== null;
    return `[${toText(message)},${isShared ? toMetadataText(metadata) : toText(metadata)}]`;
  };
}

function toProtocolPayload(mode: GraphStreamMode, payload: unknown): unknown {
  if (!isJsonObject(payload)) return payload;
  if (mode === "checkpoints") return toCheckpointPayload(payload);
  if (mode === "tasks") return toTaskPayload(payload);
  if (mode !== "debug") return payload;
  const { type, payload: inner } = payload;
  if (!isJsonObject(inner)) return payload;
  return { ...payload, payload: type === "checkpoint" ? toCheckpointPayload(inner) : toTaskPayload(inner) };
}

/** LangGraph.js writes `parentConfig` and leaves its internals in the configs; the protocol has neither. */
function toCheckpointPayload({ config, parentConfig, tasks, ...rest }: JsonObject): JsonObject {
  return {
    ...rest,
    config: withoutInternals(config),
    parent_config: withoutInternals(parentConfig) ?? null,
    checkpoint: toCheckpoint(config),
    parent_checkpoint: toCheckpoint(parentConfig),
    tasks: Array.isArray(tasks) ? tasks.map(toTaskPayload) : [],
  };
}

/** A task that failed says why in words, and one that runs a subgraph names the checkpoint where its state is. */
function toTaskPayload(task: unknown): unknown {
  if (!isJsonObject(task)) return task;
  const { error, state, ...rest } = task;
  const checkpoint = toCheckpoint(state);
  return {
    ...rest,
    ...(error !== undefined && { error: error === null ? null : toRunFailure(error).message }),
    ...(checkpoint !== null ? { checkpoint } : state !== undefined && { state }),
  };
}

function withoutInternals(config: unknown): unknown {
  if (!isJsonObject(config)) return config;
  const { callbacks: _, configurable, ...rest } = config;
  if (!isJsonObject(configurable)) return rest;
  const visible = Object.entries(configurable).filter(([key]) => !key.startsWith("__"));
  return { ...rest, configurable: Object.fromEntries(visible) };
}

/**
 * The older `messages` mode: each message so far on every token, and once more when it is complete. Complete
 * are those that nodes make without a model, and those that reach the state, which is why `values` are asked
 * for. Where a message comes from is told before it.
 */
function createMessageAccumulator(): (mode: GraphStreamMode, payload: unknown) => Payload[] {
  const partial = new Map<string, BaseMessageChunk>();
  const complete = new Set<string>();

  const addMessage = ([message, metadata]: [BaseMessage, JsonObject]): Payload[] => {
    const { id } = message;
    if (id === undefined) return [];
    const origin: Payload = ["messages/metadata", { [id]: { metadata } }];
    const before = partial.get(id);
    if (!isChunk(message)) {
      if (complete.has(id)) return [];
      complete.add(id);
      const whole: Payload = ["messages/complete", [message]];
      return before === undefined ? [origin, whole] : [whole];
    }
    const after = before === undefined ? message : before.concat(message);
    partial.set(id, after);
    return [...(before === undefined ? [origin] : []), ["messages/partial", [after]]];
  };

  const addValues = (values: unknown): Payload[] => {
    const added = messagesOf(values).filter(({ id }) => id !== undefined && !complete.has(id));
    for (const { id } of added) complete.add(id as string);
    return added.length > 0 ? [["messages/complete", added]] : [];
  };

  return (mode, payload) => {
    if (mode === "values") return addValues(payload);
    return mode === "messages" ? addMessage(payload as [BaseMessage, JsonObject]) : [];
  };
}

/** Not by its class, of which there may be two copies; LangChain's own test takes every message of a model for one. */
const isChunk = (message: BaseMessage): message is BaseMessageChunk =>
  "concat" in message && typeof message.concat === "function";

function messagesOf(values: unknown): readonly BaseMessage[] {
  const messages = isJsonObject(values) ? values["messages"] : undefined;
  if (messages === undefined) return [];
  return [messages].flat().filter((item): item is BaseMessage => isBaseMessage(item));
}
