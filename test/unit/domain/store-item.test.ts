import { expect, test } from "vitest";
import { namespaceProblem } from "../../../src/server/domain/store-item.ts";

test.each([[["users"]], [["users", "my_name"]], [["a b", "ä", "x-y"]]])("%j is a namespace", (namespace) => {
  expect(namespaceProblem(namespace)).toBeNull();
});

test.each([
  [[], "at least one label"],
  [["users", ""], "must not be empty"],
  [["users.ada"], "must not contain a period"],
  [["users:ada"], "must not contain a colon"],
  [["langgraph", "x"], "reserved"],
])("%j is not: %s", (namespace, problem) => {
  expect(namespaceProblem(namespace)).toContain(problem);
});
