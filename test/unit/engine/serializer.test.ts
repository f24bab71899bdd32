import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { JsonPlusSerializer } from "@langchain/langgraph-checkpoint";
import { describe, expect, test } from "vitest";
import { TolerantSerializer } from "../../../src/server/engine/serializer.ts";

const roundTrip = async (value: unknown): Promise<unknown> => {
  const serializer = new TolerantSerializer();
  return serializer.loadsTyped(...(await serializer.dumpsTyped(value)));
};

/** LangChain makes objects of at most fifty levels. */
const tooDeep: unknown = JSON.parse(`${'{"a":'.repeat(60)}1${"}".repeat(60)}`);
const bad = { lc: 1, type: "constructor", id: ["nowhere", "Thing"], kwargs: { a: 1 } };

test("it writes what LangGraph's own serializer writes", async () => {
  const value = { messages: [new HumanMessage("hello")], seen: new Set([1]), at: null };
  expect(await new TolerantSerializer().dumpsTyped(value)).toEqual(
    await new JsonPlusSerializer().dumpsTyped(value),
  );
});

test("messages, sets and maps come back as what they were", async () => {
  const value = { messages: [new HumanMessage("hello")], seen: new Set([1]), map: new Map([["a", 1]]) };
  const read = (await roundTrip(value)) as typeof value;
  expect(read.messages[0]).toBeInstanceOf(HumanMessage);
  expect(read.seen).toEqual(new Set([1]));
  expect(read.map).toEqual(new Map([["a", 1]]));
});

describe("what looks like an object that cannot be made", () => {
  test("makes LangGraph's own serializer fail", async () => {
    const serializer = new JsonPlusSerializer();
    const [type, data] = await serializer.dumpsTyped(bad);
    await expect(serializer.loadsTyped(type, data)).rejects.toThrow("Invalid namespace");
  });

  test.each([
    bad,
    { lc: 1, type: "constructor", id: [], kwargs: {} },
    { lc: 1, type: "constructor", id: ["langchain_core", "messages", "Nope"], kwargs: {} },
    { ...bad, id: ["langchain_core", "messages", "HumanMessage"], kwargs: tooDeep },
  ])("stays the data it is: %j", async (value) => {
    expect(await roundTrip(value)).toEqual(value);
  });

  test("does not take its neighbours with it", async () => {
    const read = (await roundTrip({ list: [bad, new HumanMessage("hello")] })) as { list: unknown[] };
    expect(read.list[0]).toEqual(bad);
    expect(read.list[1]).toBeInstanceOf(HumanMessage);
  });

  test("may be what a model gave a tool as its arguments", async () => {
    const message = new AIMessage({
      content: "",
      tool_calls: [{ id: "1", name: "save", args: { it: bad } }],
    });
    await expect(roundTrip([message])).resolves.toHaveLength(1);
  });
});

test("text that is not JSON is an error, as it is for LangGraph", async () => {
  await expect(new TolerantSerializer().loadsTyped("json", "{")).rejects.toThrow(SyntaxError);
});
