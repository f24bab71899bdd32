import {
  AIMessage,
  AIMessageChunk,
  ChatMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import { DeltaSnapshot, JsonPlusSerializer } from "@langchain/langgraph-checkpoint";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NOT_REVIVED, revive } from "../../../src/server/engine/revive.ts";

const stock = new JsonPlusSerializer();

const dump = async (value: unknown): Promise<string> =>
  new TextDecoder().decode((await stock.dumpsTyped(value))[1]);

const message = {
  lc: 1,
  type: "constructor",
  id: ["langchain_core", "messages", "HumanMessage"],
  kwargs: { content: "hello", additional_kwargs: {}, response_metadata: {} },
};
const aiMessage = ["langchain_core", "messages", "AIMessage"];
const withKwargs = (kwargs: unknown) => ({ ...message, kwargs });
const nested = (levels: number): unknown => JSON.parse(`${'{"a":'.repeat(levels)}1${"}".repeat(levels)}`);

/** What graphs keep in their state. */
const COMMON = [
  { messages: [new HumanMessage("hello"), new SystemMessage({ content: "be kind", id: "1" })] },
  new AIMessage({
    content: [{ type: "text", text: "hi" }],
    tool_calls: [{ id: "1", name: "add", args: { a: 1 }, type: "tool_call" }],
    invalid_tool_calls: [{ id: "2", name: "add", args: "{", error: "cut", type: "invalid_tool_call" }],
    response_metadata: { model_provider: "openai", deep: nested(10) },
    name: "bot",
  }),
  new AIMessageChunk({
    content: "hi",
    tool_call_chunks: [{ index: 0, name: "a", args: '{"b":1}', id: "1" }],
  }),
  new ToolMessage({ content: "3", tool_call_id: "1", name: "add", status: "error", artifact: { rows: [1] } }),
  new RemoveMessage({ id: "1" }),
  new HumanMessage({ content: "hello", additional_kwargs: { missing: undefined, list: [undefined] } }),
  { ...message, id: aiMessage, kwargs: { content: "hi", usage_metadata: { total_tokens: 3 } } },
  new DeltaSnapshot([new HumanMessage("hello")]),
  { missing: undefined, list: [undefined, null, 1], deep: nested(100) },
];

/** What nobody does on purpose. */
const ODD = [
  new AIMessage({ content: [{ type: "text", text: "hi" }], response_metadata: { output_version: "v1" } }),
  withKwargs({
    content: "hello",
    list: [
      { lc: 2, type: "undefined" },
      { lc: 2, type: "undefined", more: 1 },
    ],
  }),
  new ChatMessage("hello", "stranger"),
  new HumanMessage({ content: "hello", additional_kwargs: { set: new Set([1]), escaped: { lc: 1 } } }),
  { set: new Set([1]), map: new Map([["a", 1]]), error: new TypeError("no"), pattern: /a/g },
  { bytes: new Uint8Array([1, 2]) },
  withKwargs({ content: "hello", tool_calls: [], someField: 1, some_field: 2, "a-b": 3 }),
  withKwargs({ content: "hello", nested: message }),
  withKwargs({ content: "hello", nested: { __lc_escaped__: { lc: 1 } } }),
  withKwargs({ content: null }),
  withKwargs({ contentBlocks: [{ type: "text", text: "hi" }] }),
  withKwargs({ content: "deep", additional_kwargs: nested(45) }),
  withKwargs({ content: "hello", constructor: 1 }),
  withKwargs({}),
  { ...message, extra: message },
  { ...message, id: ["langchain_core", "messages", "ai", "AIMessage"] },
  { lc: 1 },
  { lc: 1, type: "secret", id: ["KEY"] },
  { lc: 2 },
  { lc: 2, type: "delta_snapshot" },
  { lc: 2, type: "constructor", id: ["Function"], args: ["throw 1"] },
  { lc: { lc: 2, type: "undefined" }, type: "constructor" },
];

/** Read from text, as no other way leads to it: an assignment would set the prototype. */
const PROTOTYPES = ['{"__proto__":{"a":1}}', '[{"a":{"__proto__":null}}]'];

const asRevived = async (text: string): Promise<unknown> => {
  const revived = revive(JSON.parse(text));
  return revived === NOT_REVIVED ? stock.loadsTyped("json", text) : revived;
};

describe("what is revived", () => {
  test.each(COMMON)("is what LangGraph's serializer makes of it, without its help: %j", async (value) => {
    const text = await dump(value);
    const revived = revive(JSON.parse(text));
    expect(revived).not.toBe(NOT_REVIVED);
    expect(revived).toStrictEqual(await stock.loadsTyped("json", text));
    expect(await dump(revived)).toBe(await dump(await stock.loadsTyped("json", text)));
  });

  test.each(ODD)("or is left to it: %j", async (value) => {
    const text = await dump(value);
    const expected = await stock.loadsTyped("json", text).catch((error: unknown) => error);
    const revived = await asRevived(text).catch((error: unknown) => error);
    expect(revived).toStrictEqual(expected);
  });

  test.each(PROTOTYPES)("does not get a prototype that the stock one would not give it: %s", async (text) => {
    expect(await asRevived(text)).toStrictEqual(await stock.loadsTyped("json", text));
  });
});

const key = fc.oneof(
  fc.constantFrom("lc", "type", "id", "kwargs", "value", "content", "args", "__lc_escaped__", "tool_calls"),
  fc.string({ maxLength: 5 }),
);
const leaf = fc.oneof(
  fc.constantFrom<unknown>(1, 2, "constructor", "undefined", "delta_snapshot", undefined, null, message.id),
  fc.constantFrom<unknown>(...COMMON, ...ODD),
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.double(),
  fc.boolean(),
);

test("any state is revived as LangGraph's serializer does it", async () => {
  const { state } = fc.letrec((tie) => ({
    state: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie("state"), { maxLength: 4 }),
      fc.dictionary(key, tie("state"), { maxKeys: 5, noNullPrototype: true }),
      fc.record({ content: tie("state"), additional_kwargs: tie("state") }).map(withKwargs),
    ),
  }));
  await fc.assert(
    fc.asyncProperty(state, async (value) => {
      const text = await dump(value);
      const expected = await stock.loadsTyped("json", text).catch(() => "not readable");
      const revived = await asRevived(text).catch(() => "not readable");
      expect(revived).toStrictEqual(expected);
    }),
    { numRuns: 500 },
  );
});
