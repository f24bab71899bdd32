import type { JsonObject } from "./json.ts";

/** A document of the long-term memory that graphs and clients share. */
export interface StoreItem {
  readonly namespace: readonly string[];
  readonly key: string;
  readonly value: JsonObject;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** Comparison operators of a filter; a bare value means `$eq`. */
export const FILTER_OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/** Joins the labels of a namespace in its column, which is LangGraph's format; so no label may contain it. */
export const NAMESPACE_SEPARATOR = ":";

/** @returns what is wrong with the label, or null */
export function namespaceLabelProblem(label: string): string | null {
  if (label === "") return "a namespace label must not be empty";
  if (label.includes(".")) return `namespace label '${label}' must not contain a period`;
  if (label.includes(NAMESPACE_SEPARATOR)) return `namespace label '${label}' must not contain a colon`;
  return null;
}

/** @returns what is wrong with the namespace, or null */
export function namespaceProblem(namespace: readonly string[]): string | null {
  if (namespace.length === 0) return "a namespace needs at least one label";
  if (namespace[0] === "langgraph") return "the root label 'langgraph' is reserved";
  return namespace.map(namespaceLabelProblem).find((problem) => problem !== null) ?? null;
}
