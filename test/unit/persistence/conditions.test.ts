import { expect, test } from "vitest";
import { createConditions, escapeLike } from "../../../src/server/persistence/conditions.ts";

test("without conditions there is no where", () => {
  const conditions = createConditions();
  expect(conditions.where).toBe("");
  expect(conditions.values).toEqual([]);
});

test("conditions are joined with and, and numbered in the order of their values", () => {
  const conditions = createConditions();
  conditions.add("owner = ?", "ada");
  conditions.add("status = ?", "idle");
  expect(conditions.where).toBe("where owner = $1 and status = $2");
  expect(conditions.values).toEqual(["ada", "idle"]);
});

test("a value is registered once, however often its condition refers to it", () => {
  const conditions = createConditions();
  conditions.add("(a = ? or b = ?)", 1);
  expect(conditions.where).toBe("where (a = $1 or b = $1)");
  expect(conditions.values).toEqual([1]);
});

test("a value of its own takes the next number", () => {
  const conditions = createConditions();
  conditions.add("a = ?", 1);
  expect(conditions.value(10)).toBe("$2");
  conditions.add("b = ?", 2);
  expect(conditions.where).toBe("where a = $1 and b = $3");
  expect(conditions.values).toEqual([1, 10, 2]);
});

test("values stay out of the statement", () => {
  const conditions = createConditions();
  conditions.add("a = ?", "'; drop table threads; -- $& ?");
  expect(conditions.where).toBe("where a = $1");
});

test.each([
  ["100%", String.raw`100\%`],
  ["snake_case", String.raw`snake\_case`],
  [String.raw`a\b`, String.raw`a\\b`],
  ["plain ?", "plain ?"],
])("%s is meant literally in a like pattern", (text, escaped) => {
  expect(escapeLike(text)).toBe(escaped);
});
