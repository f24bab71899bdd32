import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openSchemaCache } from "../../../../src/server/engine/schemas/schema-cache.ts";
import { toHash } from "../../../../src/server/engine/schemas/source-files.ts";
import type { Extraction } from "../../../../src/server/engine/schemas/static-schemas.ts";

const VERSIONS = { aegra: "1.0.0", langgraph: "1.7.3" };
const SOURCE = "export const graph = 1;";

/** A project of one file, with what was read of it. */
async function project() {
  const root = await mkdtemp(path.join(tmpdir(), "aegra-cache-"));
  onTestFinished(() => rm(root, { recursive: true, force: true }));
  await writeFile(path.join(root, "agent.ts"), SOURCE);
  const extraction: Extraction = {
    graphs: {
      agent: { source: "agent.ts:graph", schemas: { "": { input: { type: "object" } } }, error: null },
    },
    files: { "agent.ts": toHash(Buffer.from(SOURCE)) },
    extractor: { langgraphApi: "1.5.1", typescript: "5.9.3" },
  };
  return { root, extraction, cache: openSchemaCache(root, VERSIONS) };
}

test("what was written is read, also from where the project was moved to", async () => {
  const { cache, extraction } = await project();
  expect(await cache.read()).toBeNull();
  await cache.write(extraction);
  expect(await cache.read()).toEqual(extraction);

  const moved = await project();
  await mkdir(path.dirname(moved.cache.file), { recursive: true });
  await writeFile(moved.cache.file, await readFile(cache.file));
  expect(await moved.cache.read()).toEqual(extraction);
});

test.each([
  ["was changed", (file: string) => writeFile(file, `${SOURCE}\n`)],
  ["is gone", (file: string) => rm(file)],
])("it is not read once a source %s", async (_, change) => {
  const { root, cache, extraction } = await project();
  await cache.write(extraction);
  await change(path.join(root, "agent.ts"));
  expect(await cache.read()).toBeNull();
});

test.each([{ aegra: "1.0.1" }, { langgraph: "1.7.4" }])(
  "it is not read by another version: %o",
  async (other) => {
    const { root, cache, extraction } = await project();
    await cache.write(extraction);
    expect(await openSchemaCache(root, { ...VERSIONS, ...other }).read()).toBeNull();
  },
);

test.each([
  "",
  "{",
  "[]",
  "null",
  '{"format":1}',
  '{"format":1,"aegra":"1.0.0","langgraph":"1.7.3","files":{},"graphs":{"a":1},"extractor":{}}',
])("a broken file is as good as none, and is replaced: %s", async (text) => {
  const { cache, extraction } = await project();
  await mkdir(path.dirname(cache.file), { recursive: true });
  await writeFile(cache.file, text);
  expect(await cache.read()).toBeNull();
  await cache.write(extraction);
  expect(await cache.read()).toEqual(extraction);
});

test("of writers at the same time one wins, and nothing is left of the others", async () => {
  const { cache, extraction } = await project();
  await Promise.all(Array.from({ length: 8 }, () => cache.write(extraction)));
  expect(await cache.read()).toEqual(extraction);
  expect(await readdir(path.dirname(cache.file))).toEqual(["schemas.json"]);
});
