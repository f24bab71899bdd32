import { describe, expect, test } from "vitest";
import { findJsonProblem, findTextProblem } from "../../../src/server/http/json-problem.ts";

const nested = (levels: number): unknown => JSON.parse(`${"[".repeat(levels)}${"]".repeat(levels)}`);

const message = (id: readonly string[]) => ({ lc: 1, type: "constructor", id, kwargs: { content: "hello" } });

describe("ordinary JSON is fine", () => {
  test.each([
    null,
    0,
    -1.5e300,
    "",
    "🐘 and ̈ accents",
    [],
    {},
    { constructor: 1, toString: 2, prototype: 3 },
    { "": [null, true, { a: [1] }] },
    { lc: 3, type: "constructor", id: ["Map"] },
    { lc: 2, type: "human", content: "two" },
    { lc: 1, type: "constructor" },
    nested(100),
  ])("%j", (value) => {
    expect(findJsonProblem(value)).toBeNull();
  });

  test("also a value that is a hundred thousand items wide", () => {
    expect(findJsonProblem(Array.from({ length: 100_000 }, (_, index) => index))).toBeNull();
  });
});

describe("what cannot be stored is found, with its place", () => {
  test.each([
    ['{"a":{"b":"x\\u0000"}}', "a.b", "contains a NUL character"],
    ['{"a":["\\ud800"]}', "a.0", "contains an unpaired surrogate"],
    ['{"a":{"x\\u0000":1}}', "a", "has a key that contains a NUL character"],
    ['{"a":{"\\udc00":1}}', "a", "has a key that contains an unpaired surrogate"],
    ['{"__proto__":{"admin":true}}', "", "has a key '__proto__'"],
    ['{"a":1e400}', "a", "is a number that is too large"],
    ['{"a":[-1e400]}', "a.0", "is a number that is too large"],
    ['"\\u0000"', "", "contains a NUL character"],
  ])("%s", (text, path, problem) => {
    expect(findJsonProblem(JSON.parse(text))).toEqual({ path, message: problem });
  });

  test.each([101, 500_000])(
    "%d levels of nesting are too deep, and finding out overflows no stack",
    (levels) => {
      expect(findJsonProblem(nested(levels))).toEqual({
        path: "0.0.0.0.0…",
        message: "is nested deeper than 100 levels",
      });
    },
  );
});

describe("what LangGraph would make an object of when it reads the state", () => {
  test.each(["HumanMessage", "AIMessageChunk", "ToolMessage", "RemoveMessage"])("a %s may be", (name) => {
    expect(findJsonProblem({ messages: [message(["langchain_core", "messages", name])] })).toBeNull();
  });

  test.each([
    message(["langchain_core", "prompts", "PromptTemplate"]),
    message(["langchain_core", "messages", "coerceMessageLikeToMessage"]),
    message([]),
    { lc: 2, type: "constructor", id: ["Map"], args: [] },
    { lc: 2, type: "undefined" },
    { lc: 2, type: "delta_snapshot", value: 1 },
  ])("%j may not", (value) => {
    expect(findJsonProblem({ input: { a: [value] } })).toEqual({
      path: "input.a.0",
      message: "is LangChain's serialization of something that is not a message",
    });
  });

  test("nor may it hide in a message", () => {
    const hidden = { ...message(["langchain_core", "messages", "HumanMessage"]), kwargs: message(["x"]) };
    expect(findJsonProblem(hidden)?.path).toBe("kwargs");
  });
});

test("text is fine unless it holds a NUL character or half a surrogate pair", () => {
  expect(findTextProblem("plain \t\n 🐘")).toBeNull();
  expect(findTextProblem("a\0b")).toBe("contains a NUL character");
  expect(findTextProblem("\ud83d")).toBe("contains an unpaired surrogate");
});
