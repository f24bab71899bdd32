import { type BinaryOperatorAggregate, messagesStateReducer } from "@langchain/langgraph";
import type { KnownSchemas } from "../../domain/graph-schemas.ts";
import { isJsonObject, type JsonObject } from "../../domain/json.ts";
import type { Graph } from "../load-graph.ts";
import { builderOf } from "./runtime-schemas.ts";

/**
 * What is left of an Annotation when the graph runs: the names of its keys, not their types. Clients that pass
 * on only what a graph takes, and those that look for its messages, can work with that.
 */
export function readChannelSchemas(graph: Graph): KnownSchemas {
  const builder = builderOf(graph);
  if (builder === null) return {};
  const { _schemaDefinition: state, _inputDefinition: input, _outputDefinition: output } = builder;
  return { input: toSchema(input), output: toSchema(output), state: toSchema(state) };
}

/** The one key of a state that is not an object. */
const ROOT = "__root__";

function toSchema(definition: unknown): JsonObject {
  if (typeof definition !== "object" || definition === null || ROOT in definition) return {};
  const properties = Object.entries(definition).map(([key, channel]) => [
    key,
    isMessages(channel) ? { langgraph_type: "messages" } : {},
  ]);
  return { type: "object", properties: Object.fromEntries(properties) };
}

const isMessages = (channel: unknown): boolean =>
  isJsonObject(channel) &&
  (channel as Partial<BinaryOperatorAggregate<unknown>>)["operator"] === messagesStateReducer;
