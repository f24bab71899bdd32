import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
} from "@langchain/core/messages";
import fc from "fast-check";
import { expect, test } from "vitest";
import { toFlatMessage } from "../../../src/server/engine/flat-message.ts";

/** What LangChain makes of a message, which is what clients have always got. */
function toDictFlat(message: BaseMessage): object {
  const { type, data } = message.toDict();
  return { ...data, type };
}

const content = fc.oneof(
  fc.string(),
  fc.array(fc.record({ type: fc.constant("text"), text: fc.string() }), { maxLength: 2 }),
);
const extras = fc.oneof(
  fc.constant({}),
  fc.constant(new Map([["a", 1]])),
  fc.date().map((date) => ({ date })),
  fc.dictionary(fc.constantFrom("lc", "__lc_escaped__", "aB", "a"), fc.jsonValue({ maxDepth: 2 })),
);
const fields = fc
  .record(
    {
      content,
      id: fc.string(),
      name: fc.option(fc.string(), { nil: undefined }),
      additional_kwargs: extras,
      response_metadata: extras,
      // Fields that LangChain does not know stay, under a name that it changes.
      someThing: fc.jsonValue({ maxDepth: 1 }),
      "with-dash": fc.integer(),
      type: fc.constant("mine"),
    },
    { requiredKeys: ["content"] },
  )
  // Whatever reaches LangChain at run time; its types would refuse half of it.
  .map((it) => it as unknown as { content: string });
const calls = fc.array(
  fc.record({ id: fc.string(), name: fc.string(), args: fc.dictionary(fc.string(), fc.jsonValue()) }),
  { maxLength: 2 },
);

/** A message of somebody's own, which has something to hide. */
class Secretive extends HumanMessage {
  override get lc_secrets() {
    return { id: "ID" };
  }
}

class Renamed extends HumanMessage {
  override get lc_aliases() {
    return { ...super.lc_aliases, id: "identity" };
  }
}

class Odd extends HumanMessage {
  override toDict() {
    return { type: "human" as const, data: { content: "odd" } } as ReturnType<HumanMessage["toDict"]>;
  }
}

const messages: readonly fc.Arbitrary<BaseMessage>[] = [
  fields.map((it) => new HumanMessage(it)),
  fields.map((it) => new SystemMessage(it)),
  fc.tuple(fields, calls).map(([it, tool_calls]) => new AIMessage({ ...it, tool_calls })),
  fields.map((it) => new AIMessageChunk(it)),
  fc
    .tuple(fields, fc.string())
    .map(([it, args]) => new AIMessageChunk({ ...it, tool_call_chunks: [{ index: 0, args }] })),
  fc.string().map((text) => new AIMessageChunk(text)),
  fc.tuple(fields, fc.string()).map(([it, tool_call_id]) => new ToolMessage({ ...it, tool_call_id })),
  fields.map((it) => new ChatMessage({ ...it, role: "narrator" })),
  fields.map((it) => new FunctionMessage({ ...it, name: "f" })),
  fc.string().map((id) => new RemoveMessage({ id })),
  fields.map((it) => new Secretive(it)),
  fields.map((it) => new Renamed(it)),
  fields.map((it) => new Odd(it)),
];

test("a message has the same fields in the same order as LangChain gives them", () => {
  fc.assert(
    fc.property(fc.oneof(...messages), (message) => {
      expect(JSON.stringify(toFlatMessage(message))).toBe(JSON.stringify(toDictFlat(message)));
    }),
    { numRuns: 2000 },
  );
});

test("also one that was put together from many tokens", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fields, fc.string()), { minLength: 1, maxLength: 4 }), (parts) => {
      const whole = parts
        .map(([, text]) => new AIMessageChunk({ content: text, id: "same" }))
        .reduce((before, after) => before.concat(after));
      expect(JSON.stringify(toFlatMessage(whole))).toBe(JSON.stringify(toDictFlat(whole)));
    }),
  );
});
