import { AIMessage, HumanMessage } from "@langchain/core/messages";
import { expect, test } from "vitest";
import { toJson } from "../../../src/server/engine/to-json.ts";

test("messages become flat objects with a type, as clients read them", () => {
  expect(
    toJson([new HumanMessage({ id: "h", content: "hi" }), new AIMessage({ id: "a", content: "ho" })]),
  ).toEqual([
    expect.objectContaining({ type: "human", id: "h", content: "hi" }),
    expect.objectContaining({ type: "ai", id: "a", content: "ho", tool_calls: [] }),
  ]);
});

test("what JSON has no word for gets one", () => {
  const circular: Record<string, unknown> = { name: "loop" };
  circular["self"] = circular;
  expect(
    toJson({
      map: new Map<unknown, unknown>([
        ["a", 1],
        [2, new Map([["c", 3]])],
      ]),
      set: new Set([1, { a: 1n }]),
      big: 2n ** 64n,
      date: new Date(0),
      error: new RangeError("out of range"),
      circular,
    }),
  ).toEqual({
    map: { a: 1, 2: { c: 3 } },
    set: [1, { a: "1" }],
    big: "18446744073709551616",
    date: "1970-01-01T00:00:00.000Z",
    error: { error: "RangeError", message: "out of range" },
    circular: { name: "loop", self: "[Circular]" },
  });
});

test("what appears twice is not taken for a circle", () => {
  const shared = { a: 1 };
  expect(toJson({ one: shared, two: [shared, shared] })).toEqual({ one: shared, two: [shared, shared] });
});

test("functions, symbols and undefined go where JSON lets them: out of objects, as null in lists", () => {
  const odd = [undefined, () => 1, Symbol("s")];
  expect(toJson({ a: odd[0], b: odd[1], c: odd[2], list: odd, set: new Set(odd) })).toEqual({
    list: [null, null, null],
    set: [null, null, null],
  });
  expect(odd.map(toJson)).toEqual([undefined, undefined, undefined]);
});

test("text loses what Postgres refuses, in keys too", () => {
  expect(toJson({ "k\0": "a\0b\uD800c", ok: "naïve 😀" })).toEqual({ k: "ab\uFFFDc", ok: "naïve 😀" });
});

test("the result can always be written as JSON", () => {
  const values = [
    1,
    "a",
    null,
    true,
    5n,
    [1n],
    { a: 5n },
    new Map([[1n, 1n]]),
    new Error("e"),
    new Date(Number.NaN),
  ];
  for (const value of values) expect(() => JSON.stringify(toJson(value))).not.toThrow();
});
