import { expect, test } from "vitest";
import { prefersMinimal } from "../../../src/server/http/prefers-minimal.ts";

test.each([
  "return=minimal",
  "Return=Minimal",
  'return = "minimal"',
  "respond-async, return=minimal; foo=bar",
  "return=minimal, return=representation",
])("'%s' asks for no body", (header) => {
  expect(prefersMinimal(header)).toBe(true);
});

test.each([
  undefined,
  "",
  "return",
  "return=representation",
  "return=representation, return=minimal",
  "noreturn=minimal",
  "x=return=minimal",
  "handling=lenient; return=minimal",
])("'%s' does not", (header) => {
  expect(prefersMinimal(header)).toBe(false);
});
