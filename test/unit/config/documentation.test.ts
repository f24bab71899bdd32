import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { ENVIRONMENT_VARIABLES } from "../../../src/config/environment.ts";
import { listKnownKeys } from "../../../src/config/known-keys.ts";
import { ConfigFile, toConfigJsonSchema } from "../../../src/config/schema.ts";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");
const documentation = read("docs/configuration.md").replaceAll("\r\n", "\n");

const code = (text: string) => `\`${text}\``;
const orDash = (text: string) => (text === "" ? "–" : text);

/** The rows of the table with this head. */
function rowsBelow(head: string): string[] {
  const table = documentation.split(`${head}\n`)[1]?.split("\n\n")[0] ?? "";
  return table.trim().split("\n").slice(1);
}

test("the documentation has every key of the schema, with its default and its meaning", () => {
  const rows = listKnownKeys().map(({ path, defaultValue, description }) => {
    const shown = defaultValue === undefined ? "" : code(JSON.stringify(defaultValue));
    return `| ${code(path)} | ${orDash(shown)} | ${description} |`;
  });

  expect(rows.length).toBeGreaterThan(20);
  expect(rowsBelow("| Key | Default | Meaning |")).toEqual(rows);
});

test("the documentation has every environment variable, with its aliases, default and meaning", () => {
  const rows = ENVIRONMENT_VARIABLES.map(({ name, aliases, default: text, description }) => {
    const shown = text === null ? "" : code(text);
    return `| ${code(name)} | ${orDash(aliases.map(code).join(", "))} | ${orDash(shown)} | ${description} |`;
  });

  expect(rows.length).toBeGreaterThan(10);
  expect(rowsBelow("| Variable | Also read | Default | Meaning |")).toEqual(rows);
});

test("every key has a meaning", () => {
  expect(listKnownKeys().filter(({ description }) => description === "")).toEqual([]);
});

test("the configuration files in the documentation are accepted", () => {
  const examples = [...documentation.matchAll(/```json\n([\s\S]*?)```/g)].map(([, json]) => json ?? "");

  expect(examples).toHaveLength(4);
  for (const example of examples) {
    expect(ConfigFile.safeParse(JSON.parse(example)).error).toBeUndefined();
  }
});

test("aegra.schema.json is what the schema gives (node scripts/schema.js writes it)", () => {
  expect(JSON.parse(read("aegra.schema.json"))).toEqual(JSON.parse(JSON.stringify(toConfigJsonSchema())));
});
