import { expect, test } from "vitest";
import { findGraphPathProblem, toGraphPath } from "../../../src/config/graph-path.ts";

test.each([
  ["./src/agent.ts:graph", "./src/agent.ts", "graph"],
  ["./src/agent.ts", "./src/agent.ts", "default"],
  ["agent.js:default", "agent.js", "default"],
  ["C:\\agents\\a.ts:graph", "C:\\agents\\a.ts", "graph"],
  ["C:/agents/a.ts:graph", "C:/agents/a.ts", "graph"],
  ["C:\\agents\\a.ts", "C:\\agents\\a.ts", "default"],
  ["d:/a.mjs", "d:/a.mjs", "default"],
  ["./odd:folder/agent.ts", "./odd:folder/agent.ts", "default"],
  ["./odd:folder/agent.ts:graph", "./odd:folder/agent.ts", "graph"],
])("%s is taken apart", (written, file, exportName) => {
  expect(toGraphPath(written)).toEqual({ file, exportName });
  expect(findGraphPathProblem(written)).toBeNull();
});

test.each([
  ["", "expected a file"],
  [":graph", "expected a file"],
  ["./agent.ts:", "expected the name of an export"],
  ["./agent.py:graph", "Python server"],
  ["./agent.PY", "Python server"],
])("%j is refused", (written, reason) => {
  expect(findGraphPathProblem(written)).toContain(reason);
});
