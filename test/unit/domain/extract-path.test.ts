import { expect, test } from "vitest";
import { parseExtractPath } from "../../../src/server/domain/extract-path.ts";

test.each([
  ["values", "values", []],
  ["values.messages[-1].content", "values", ["messages", "-1", "content"]],
  ["metadata.a b.c-d", "metadata", ["a b", "c-d"]],
  ["config.configurable.thread_id", "config", ["configurable", "thread_id"]],
  ["interrupts.8f3c-01[0].value", "interrupts", ["8f3c-01", "0", "value"]],
  ["values[0][1]", "values", ["0", "1"]],
])("'%s' starts at %s and goes %j", (text, root, steps) => {
  expect(parseExtractPath(text)).toEqual({ root, steps });
});

test.each([
  ...["", "value", "valuesa", "status", "error.message", ".values", " values"],
  ...["values.", "values..a", "values.a.", "values[", "values[]", "values[a]", "values[1", "values[1]a"],
  ...["values[--1]", "values[1.5]", "values[12345678901]", "values.a]"],
])("'%s' is no path", (text) => {
  expect(parseExtractPath(text)).toBeNull();
});
