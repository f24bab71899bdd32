import { validate as isUuid, v5 as uuidv5 } from "uuid";
import type { JsonObject } from "./json.ts";

/** A graph with settings of its own. Every graph has one default assistant, made by the server. */
export interface Assistant {
  readonly assistant_id: string;
  readonly graph_id: string;
  readonly name: string;
  readonly description: string | null;
  readonly config: JsonObject;
  readonly context: JsonObject;
  readonly metadata: JsonObject;
  /** Starts at 1; every change makes the next. */
  readonly version: number;
  readonly created_at: Date;
  readonly updated_at: Date;
}

export type NewAssistant = Omit<Assistant, "version" | "created_at" | "updated_at">;

/** What a new version may change; absent means unchanged. */
export type AssistantChange = Partial<Omit<NewAssistant, "assistant_id">>;

export const ASSISTANT_SORT_KEYS = ["assistant_id", "created_at", "updated_at", "name", "graph_id"] as const;
export type AssistantSortKey = (typeof ASSISTANT_SORT_KEYS)[number];

/** The namespace that all servers of the protocol derive default assistant ids in. */
const GRAPH_NAMESPACE = "6ba7b821-9dad-11d1-80b4-00c04fd430c8";

/** Id of the default assistant of a graph: the same on every server, so that clients can rely on it. */
export const defaultAssistantId = (graphId: string): string => uuidv5(graphId, GRAPH_NAMESPACE);

/** Wherever an assistant is named, its graph's id stands for the default assistant. */
export const toAssistantId = (assistantOrGraphId: string): string =>
  isUuid(assistantOrGraphId) ? assistantOrGraphId : defaultAssistantId(assistantOrGraphId);
