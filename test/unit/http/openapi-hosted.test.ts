import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { fetchDocument } from "../../support/openapi-document.ts";
import { factsOf, type OperationFacts, type Values } from "../../support/openapi-facts.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** What clients of the hosted server can rely on, by `METHOD /path`. */
const hosted = JSON.parse(read("test/fixtures/hosted-operations.json")) as Record<string, OperationFacts>;

/** The first column of the table below "Not served", in which `*` stands for anything. */
const exceptions = read("docs/protocol.md")
  .split("## Not served\n")[1]
  ?.split("\n## ")[0]
  ?.matchAll(/^\| `([^`]+)` \| \S/gm);
const patterns = [...(exceptions ?? [])].map(([, pattern]) => pattern ?? "");

const matches = (pattern: string, fact: string) =>
  new RegExp(`^${pattern.replaceAll(/[.()[\]{}]/g, "$&").replaceAll("*", ".*")}$`).test(fact);

let missing: string[] = [];
beforeAll(async () => {
  const ours = factsOf(await fetchDocument());
  missing = Object.entries(hosted).flatMap(([operation, facts]) =>
    missingOf(operation, facts, ours[operation]),
  );
});

test("there is much to compare", () => {
  expect(Object.keys(hosted).length).toBeGreaterThan(50);
  expect(Object.keys(hosted["POST /threads/{thread_id}/runs"]?.body ?? {}).length).toBeGreaterThan(20);
  expect(patterns.length).toBeGreaterThan(5);
});

test("what the hosted server has is here, or docs/protocol.md says why not", () => {
  expect(missing.filter((fact) => !patterns.some((pattern) => matches(pattern, fact)))).toEqual([]);
});

describe("docs/protocol.md", () => {
  test.each(patterns)("is right that %s is not served", (pattern) => {
    expect(missing.some((fact) => matches(pattern, fact))).toBe(true);
  });
});

/** What an operation lacks: itself, `query name`, `body a.b`, one of its values, `status 409`. */
function missingOf(operation: string, facts: OperationFacts, ours: OperationFacts | undefined): string[] {
  if (ours === undefined) return [operation];
  const parts = (["path", "query", "header", "body"] as const).flatMap((part) =>
    missingValues(facts[part], ours[part]).map((what) => `${part} ${what}`),
  );
  const statuses = facts.statuses.filter((status) => !ours.statuses.includes(status));
  return [...parts, ...statuses.map((status) => `status ${status}`)].map((what) => `${operation} ${what}`);
}

const missingValues = (expected: Values, ours: Values): string[] =>
  Object.entries(expected).flatMap(([name, values]) => {
    const known = ours[name];
    if (known === undefined) return [name];
    return values.filter((value) => !known.includes(value)).map((value) => `${name} = ${value}`);
  });
