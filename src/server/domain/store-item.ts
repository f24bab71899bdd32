import type { JsonObject } from "./json.ts";

/** A document of the long-term memory that graphs and clients share. */
export interface StoreItem {
  readonly namespace: readonly string[];
  readonly key: string;
  readonly value: JsonObject;
  readonly created_at: Date;
  readonly updated_at: Date;
}

/** An item that a search found. */
export interface FoundItem extends StoreItem {
  /** How well the item fits the query; null when there was none, or it was not answered by meaning. */
  readonly score: number | null;
}

/** Which fields of an item are found by meaning: none, those at these paths, or, null, the configured ones. */
export type ItemIndex = false | readonly string[] | null;

/** Comparison operators of a filter; a bare value means `$eq`. */
export const FILTER_OPERATORS = ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte"] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

/** Most conditions in one search: each of them costs the database time for every item. */
export const MAX_CONDITIONS = 100;

/** Most words in a query, for the same reason. */
export const MAX_QUERY_WORDS = 100;

/** Most paths in the index of an item: each of them is embedded on its own. */
const MAX_INDEX_PATHS = 100;

/** `$` for the whole value, or fields joined by periods, each with elements of its list: `chapters[*].title`. */
const INDEX_PATH = /^[^.[\]]+(\[(\*|-?\d{1,9})\])*(\.[^.[\]]+(\[(\*|-?\d{1,9})\])*)*$/;

/** Most bytes that namespace and key may have in UTF-8, so that together they fit into one entry of the index. */
const MAX_NAMESPACE_BYTES = 1500;
const MAX_KEY_BYTES = 1000;

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
  if (utf8Length(namespace.join(NAMESPACE_SEPARATOR)) > MAX_NAMESPACE_BYTES) {
    return `the labels of a namespace have at most ${MAX_NAMESPACE_BYTES} bytes together`;
  }
  return namespace.map(namespaceLabelProblem).find((problem) => problem !== null) ?? null;
}

/** @returns what is wrong with the key, or null */
export function keyProblem(key: string): string | null {
  if (key === "") return "must not be empty";
  return utf8Length(key) > MAX_KEY_BYTES ? `has at most ${MAX_KEY_BYTES} bytes` : null;
}

/** @returns what is wrong with the index, or null */
export function indexProblem(index: ItemIndex): string | null {
  if (index === null || index === false) return null;
  if (index.length > MAX_INDEX_PATHS) return `has more than ${MAX_INDEX_PATHS} paths`;
  const wrong = index.find((path) => !INDEX_PATH.test(path));
  return wrong === undefined
    ? null
    : `'${wrong}' is not a path; write $, title, author.name, chapters[*].title or tags[0]`;
}

const utf8Length = (text: string): number => new TextEncoder().encode(text).length;
