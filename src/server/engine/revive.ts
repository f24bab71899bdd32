import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import { DeltaSnapshot } from "@langchain/langgraph-checkpoint";
import { isJsonObject, type JsonObject } from "../domain/json.ts";

/** Told by `revive` of data that only LangGraph's own serializer can read. */
export const NOT_REVIVED = Symbol("not revived");

/**
 * Makes of parsed JSON what LangGraph's serializer makes of it, without a promise for every value in it: that is
 * most of what reading a checkpoint costs. Knows plain data, the values that LangGraph writes by itself, and
 * messages.
 *
 * @returns NOT_REVIVED when there is anything else in it
 */
export function revive(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Array.isArray(value) ? reviveItems(value) : reviveObject(value as JsonObject);
}

function reviveItems(items: readonly unknown[]): unknown {
  const revived: unknown[] = [];
  for (const item of items) {
    const one = revive(item);
    if (one === NOT_REVIVED) return NOT_REVIVED;
    revived.push(one);
  }
  return revived;
}

function reviveObject(value: JsonObject): unknown {
  if (value["lc"] === 1) return reviveMessage(value);
  const revived: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    // Assigned, it would become the prototype.
    if (key === "__proto__") return NOT_REVIVED;
    const one = revive(item);
    if (one === NOT_REVIVED) return NOT_REVIVED;
    revived[key] = one;
  }
  return value["lc"] === 2 ? reviveRecord(revived) : revived;
}

/** What LangGraph writes for values that JSON has no word for. Rare ones are left to its serializer. */
function reviveRecord(record: Readonly<Record<string, unknown>>): unknown {
  if (record["type"] === "undefined") return undefined;
  if (record["type"] === "delta_snapshot" && Object.hasOwn(record, "value")) {
    return new DeltaSnapshot(record["value"]);
  }
  return NOT_REVIVED;
}

type MessageClass = new (fields: never) => BaseMessage;

const MESSAGE_CLASSES = {
  AIMessage,
  AIMessageChunk,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} satisfies Record<string, MessageClass>;

/** By class, the fields whose names LangChain keeps although they have an underscore. */
const KEPT_NAMES: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(MESSAGE_CLASSES).map(([name, message]) => [name, keptNames(message)]),
);

function keptNames(message: MessageClass): ReadonlySet<string> {
  const kept = new Set<string>();
  let prototype: unknown = message.prototype;
  while (typeof prototype === "object" && prototype !== null) {
    const aliases: unknown = Reflect.get(prototype, "lc_aliases");
    for (const [name, alias] of Object.entries(aliases ?? {})) if (name === alias) kept.add(name);
    prototype = Object.getPrototypeOf(prototype);
  }
  return kept;
}

function reviveMessage(record: JsonObject): unknown {
  const { type, id, kwargs } = record;
  if (Object.keys(record).length !== 4 || type !== "constructor" || !Array.isArray(id)) return NOT_REVIVED;
  const [namespace, module, name] = id as unknown[];
  if (id.length !== 3 || namespace !== "langchain_core" || module !== "messages") return NOT_REVIVED;
  const kept = typeof name === "string" ? KEPT_NAMES.get(name) : undefined;
  const fields = kept === undefined || !isJsonObject(kwargs) ? NOT_REVIVED : readInert(kwargs, 0);
  if (kept === undefined || !isJsonObject(fields)) return NOT_REVIVED;
  // LangChain gives other names to all other fields with an underscore.
  if (!Object.keys(fields).every((key) => kept.has(key) || isPlainName(key))) return NOT_REVIVED;
  try {
    return new MESSAGE_CLASSES[name as keyof typeof MESSAGE_CLASSES](fields as never);
  } catch {
    // The serializer has to fail in the same way, with its own error.
    return NOT_REVIVED;
  }
}

const isPlainName = (key: string): boolean => /^[a-zA-Z0-9]+$/.test(key) && !(key in Object.prototype);

/** Levels down to which a message is read here; LangChain refuses a few more than these. */
const MAX_DEPTH = 40;

/**
 * Copies data that mean nothing but themselves to LangChain, at any level. On their way to it they are JSON once
 * more, which has no undefined.
 */
function readInert(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth > MAX_DEPTH) return NOT_REVIVED;
  return Array.isArray(value) ? readInertItems(value, depth) : readInertObject(value as JsonObject, depth);
}

function readInertItems(items: readonly unknown[], depth: number): unknown {
  const read: unknown[] = [];
  for (const item of items) {
    const one = readInert(item, depth + 1);
    if (one === NOT_REVIVED) return NOT_REVIVED;
    read.push(one ?? null);
  }
  return read;
}

function readInertObject(value: JsonObject, depth: number): unknown {
  if (isUndefined(value)) return undefined;
  const read: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const one = MEANINGFUL.has(key) ? NOT_REVIVED : readInert(item, depth + 1);
    if (one === NOT_REVIVED) return NOT_REVIVED;
    if (one !== undefined) read[key] = one;
  }
  return read;
}

const isUndefined = (value: JsonObject): boolean =>
  value["lc"] === 2 && value["type"] === "undefined" && Object.keys(value).length === 2;

/** Keys that LangChain or JavaScript takes for something else than data. */
const MEANINGFUL: ReadonlySet<string> = new Set(["lc", "__lc_escaped__", "__proto__"]);
