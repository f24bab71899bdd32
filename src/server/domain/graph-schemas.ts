import type { JsonObject } from "./json.ts";

/** What a graph takes and gives, as JSON schemas. An empty one means that nothing is known. */
export interface GraphSchemas {
  readonly input_schema: JsonObject;
  readonly output_schema: JsonObject;
  readonly state_schema: JsonObject;
  /** What `config.configurable` may hold; LangGraph.js knows no difference to the context. */
  readonly config_schema: JsonObject;
  readonly context_schema: JsonObject;
}

/** One kind of schema of a graph. */
export const SCHEMA_PARTS = ["input", "output", "state", "config"] as const;
export type SchemaPart = (typeof SCHEMA_PARTS)[number];

/** The schemas that are known. */
export type KnownSchemas = Partial<Readonly<Record<SchemaPart, JsonObject>>>;
