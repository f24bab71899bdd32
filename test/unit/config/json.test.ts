import fc from "fast-check";
import { expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { parseJson } from "../../../src/config/json.ts";

function refusal(text: string): ConfigError {
  try {
    parseJson(text, "aegra.json");
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

test("a byte order mark in front is accepted", () => {
  expect(parseJson('\uFEFF{"a":1}', "aegra.json")).toEqual({ a: 1 });
});

test.each([
  ["", "line 1, column 1: expected a value, found the end of the file"],
  ['{\r\n  "a": 1,\r\n  "b" 2\r\n}', 'line 3, column 7: expected ":", found 2'],
  ['{ "a": nope }', "line 1, column 8: expected a value, found nope"],
  ['{ "a": 1 "b": 2 }', 'line 1, column 10: expected "," or "}", found "b"'],
  ["[1 2]", 'line 1, column 4: expected "," or "]", found 2'],
  ['{ "a": [] ', 'line 1, column 11: expected "," or "}", found the end of the file'],
  ['{ "a": "x', 'line 1, column 8: expected a value, found "x'],
  ['{ "a": 1 } 2', "line 1, column 12: expected the end of the file, found 2"],
  [
    '{ "a": "x\ty" }',
    'line 1, column 8: expected a string without stray backslashes and control characters, found "x',
  ],
  ["[1}", 'line 1, column 3: expected "," or "]", found }'],
  ['{ "a": 1, 2: 3 }', "line 1, column 11: expected a key in double quotes, found 2"],
  ['{ "a":\u00a01 }', "line 1, column 7: expected a value, found \u00a0"],
])("%j is refused with the place of the mistake", (text, message) => {
  expect(refusal(text).message).toBe(`aegra.json is not valid JSON: ${message}`);
});

test.each([
  ['{ "a": 1, }', "comma"],
  ["[1, ]", "comma"],
  ['{ "a": 1 // one\n}', "comment"],
  ["{ 'a': 1 }", "double quotes"],
  ['{ "a": "C:\\agents" }', "backslash"],
])("%j is refused with the way out", (text, hint) => {
  expect(refusal(text).suggestions).toEqual([expect.stringContaining(hint)]);
});

test("any text is either read as JSON.parse reads it or refused at a place that exists", () => {
  const broken = fc
    .tuple(fc.json(), fc.nat(), fc.nat(3), fc.string({ maxLength: 3 }))
    .map(([json, at, removed, added]) => {
      const offset = at % (json.length + 1);
      return json.slice(0, offset) + added + json.slice(offset + removed);
    });
  fc.assert(
    fc.property(broken, (text) => {
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        const place = /line (\d+), column (\d+)/.exec(refusal(text).message);
        const lines = text.split("\n");
        const line = lines[Number(place?.[1]) - 1];
        expect(line).toBeDefined();
        expect(Number(place?.[2])).toBeLessThanOrEqual((line?.length ?? 0) + 1);
        return;
      }
      expect(parseJson(text, "aegra.json")).toEqual(expected);
    }),
  );
});

test("what stands before the reported place can still become JSON", () => {
  // Cutting a document anywhere leaves nothing wrong in it but its end.
  fc.assert(
    fc.property(fc.json(), fc.nat(), (json, at) => {
      const cut = json.slice(0, at % json.length);
      let isWhole = true;
      try {
        JSON.parse(cut);
      } catch {
        isWhole = false;
      }
      fc.pre(!isWhole);
      const column = Number(/column (\d+)/.exec(refusal(cut).message)?.[1]);
      const rest = cut.slice(column - 1);
      // Nothing is left, or the piece of a token that the cut went through.
      expect(rest).toMatch(/^("|-|t|f|n|[eE.]|$)/);
    }),
  );
});
