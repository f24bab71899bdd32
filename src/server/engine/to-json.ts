import { isBaseMessage } from "@langchain/core/messages";
import { toFlatMessage } from "./flat-message.ts";

/**
 * Turns what a graph produces into plain JSON as the protocol spells it.
 *
 * Messages become flat objects with a `type`, as clients read them; LangChain's own `toJSON` would give
 * its constructor format. What JSON has no word for does not end a run: errors become their name and
 * message, a circular reference becomes the text `[Circular]`, a bigint its digits. Strings lose NUL
 * characters and unpaired surrogates, which Postgres refuses in jsonb.
 */
export function toJson(value: unknown): unknown {
  return encode(value, []);
}

function encode(value: unknown, ancestors: object[]): unknown {
  if (typeof value === "string") return cleanText(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (typeof value !== "object" || value === null) return value;
  if (ancestors.includes(value)) return "[Circular]";
  ancestors.push(value);
  const encoded = encodeObject(value, ancestors);
  ancestors.pop();
  return encoded;
}

function encodeObject(value: object, ancestors: object[]): unknown {
  if (Array.isArray(value)) return value.map((item) => encode(item, ancestors) ?? null);
  if (isBaseMessage(value)) return encodeEntries(Object.entries(toFlatMessage(value)), ancestors);
  if (value instanceof Error) return { error: value.name, message: cleanText(value.message) };
  if (value instanceof Map) return encodeEntries(value.entries(), ancestors);
  if (value instanceof Set) return [...value].map((item) => encode(item, ancestors) ?? null);
  if ("toJSON" in value && typeof value.toJSON === "function") return encode(value.toJSON(), ancestors);
  return encodeEntries(Object.entries(value), ancestors);
}

function encodeEntries(entries: Iterable<[unknown, unknown]>, ancestors: object[]): object {
  const encoded: Record<string, unknown> = {};
  for (const [key, item] of entries) {
    const json = encode(item, ancestors);
    if (json !== undefined) encoded[cleanText(String(key))] = json;
  }
  return encoded;
}

const cleanText = (text: string): string =>
  text.isWellFormed() && !text.includes("\0") ? text : text.toWellFormed().replaceAll("\0", "");
