import type { InteropZodObject } from "@langchain/core/utils/types";
import { StateSchema } from "@langchain/langgraph";
import {
  getConfigTypeSchema,
  getInputTypeSchema,
  getOutputTypeSchema,
  getStateTypeSchema,
  getUpdateTypeSchema,
} from "@langchain/langgraph/zod/schema";
import { type KnownSchemas, SCHEMA_PARTS, type SchemaPart } from "../../domain/graph-schemas.ts";
import { isJsonObject, type JsonObject } from "../../domain/json.ts";
import type { Graph } from "../load-graph.ts";
import { toJson } from "../to-json.ts";
import { toLenientSchema } from "./lenient-schema.ts";

/** What a StateGraph remembers of its definitions; LangGraph marks it as internal, and its own server reads it. */
export interface GraphBuilder {
  readonly _schemaRuntimeDefinition?: unknown;
  readonly _inputRuntimeDefinition?: unknown;
  readonly _outputRuntimeDefinition?: unknown;
  readonly _configRuntimeSchema?: unknown;
  readonly _schemaDefinition?: unknown;
  readonly _inputDefinition?: unknown;
  readonly _outputDefinition?: unknown;
}

/** @returns null for a graph that is no StateGraph */
export function builderOf(graph: Graph): GraphBuilder | null {
  const builder = "builder" in graph ? graph.builder : null;
  return typeof builder === "object" ? builder : null;
}

/** What a graph that is running knows of its schemas: those of StateSchema and zod, not those of Annotation. */
export function readRuntimeSchemas(graph: Graph): KnownSchemas {
  const builder = builderOf(graph);
  if (builder === null) return {};
  const known: Partial<Record<SchemaPart, JsonObject>> = {};
  for (const part of SCHEMA_PARTS) {
    const schema = readPart(graph, builder, part);
    if (schema !== null) known[part] = schema;
  }
  return known;
}

function readPart(graph: Graph, builder: GraphBuilder, part: SchemaPart): JsonObject | null {
  const definition = definitionOf(builder, part);
  if (typeof definition !== "object" || definition === null) return null;
  const isStateSchema = StateSchema.isInstance(definition);
  const schema = orNull(() => readers[part](graph, isStateSchema));
  if (schema !== null || isStateSchema) return schema;
  return orNull(() =>
    toLenientSchema(definition as InteropZodObject, { takesUpdates: part in TAKES_UPDATES }),
  );
}

/** @returns null when it throws: zod has no JSON schema for a date or a class of the project, for instance */
function orNull(read: () => unknown): JsonObject | null {
  try {
    const json = toJson(read());
    return isJsonObject(json) ? json : null;
  } catch {
    // Nothing is lost: whoever asked for it says that it is missing.
    return null;
  }
}

const TAKES_UPDATES: Partial<Record<SchemaPart, true>> = { input: true, state: true };

/** The same choices as LangGraph's own server: its state schema says what an update may look like. */
const readers: Record<SchemaPart, (graph: Graph, isStateSchema: boolean) => unknown> = {
  input: (graph) => getInputTypeSchema(graph),
  output: (graph) => getOutputTypeSchema(graph),
  state: (graph, isStateSchema) => (isStateSchema ? getStateTypeSchema(graph) : getUpdateTypeSchema(graph)),
  config: (graph) => getConfigTypeSchema(graph),
};

function definitionOf(builder: GraphBuilder, part: SchemaPart): unknown {
  if (part === "state") return builder._schemaRuntimeDefinition;
  if (part === "output") return builder._outputRuntimeDefinition;
  if (part === "config") return builder._configRuntimeSchema;
  // A symbol stands for: the state, with nothing required.
  const { _inputRuntimeDefinition: input } = builder;
  return typeof input === "symbol" ? builder._schemaRuntimeDefinition : input;
}
