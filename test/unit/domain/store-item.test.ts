import { expect, test } from "vitest";
import { keyProblem, namespaceProblem } from "../../../src/server/domain/store-item.ts";

test.each([[["users"]], [["users", "my_name"]], [["a b", "ä", "x-y"]]])("%j is a namespace", (namespace) => {
  expect(namespaceProblem(namespace)).toBeNull();
});

test.each([
  [[], "at least one label"],
  [["users", ""], "must not be empty"],
  [["users.ada"], "must not contain a period"],
  [["users:ada"], "must not contain a colon"],
  [["langgraph", "x"], "reserved"],
  [["x".repeat(1501)], "at most 1500 bytes"],
  [Array(100).fill("ä".repeat(8)), "at most 1500 bytes"],
])("%j is not: %s", (namespace, problem) => {
  expect(namespaceProblem(namespace)).toContain(problem);
});

test("a namespace may fill its bytes to the last one", () => {
  expect(namespaceProblem(["x".repeat(749), "x".repeat(750)])).toBeNull();
  expect(namespaceProblem(["x".repeat(750), "x".repeat(750)])).not.toBeNull();
});

test("the reserved root label may be used further down", () => {
  expect(namespaceProblem(["notes", "langgraph"])).toBeNull();
});

test.each([["k"], ["a.b:c/d e"], ["x".repeat(1000)], ["🐘".repeat(250)]])("%s is a key", (key) => {
  expect(keyProblem(key)).toBeNull();
});

test.each([
  ["", "must not be empty"],
  ["x".repeat(1001), "at most 1000 bytes"],
  ["🐘".repeat(251), "at most 1000 bytes"],
])("%s is not: %s", (key, problem) => {
  expect(keyProblem(key)).toContain(problem);
});
