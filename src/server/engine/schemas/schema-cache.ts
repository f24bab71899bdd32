import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { isJsonObject } from "../../domain/json.ts";
import { toHash } from "./source-files.ts";
import type { Extraction } from "./static-schemas.ts";

export interface SchemaCache {
  readonly file: string;
  /** @returns null when there is none, it cannot be read, or it is of other sources or versions */
  read(): Promise<Extraction | null>;
  write(extraction: Extraction): Promise<void>;
}

/** What the schemas depend on besides the sources. */
export interface Versions {
  readonly aegra: string;
  readonly langgraph: string;
}

/** Renewed when what is written changes its shape. */
const FORMAT = 1;

/** Schemas that were extracted, kept in the project so that a server need not, or cannot, do it again. */
export function openSchemaCache(root: string, { aegra, langgraph }: Versions): SchemaCache {
  const file = join(root, ".aegra", "cache", "schemas.json");
  const head = { format: FORMAT, aegra, langgraph };
  return {
    file,
    async read() {
      const cached = await readJson(file);
      if (!isJsonObject(cached)) return null;
      const isOurs = Object.entries(head).every(([key, value]) => cached[key] === value);
      if (!isOurs || !isExtraction(cached) || !(await areUnchanged(root, cached.files))) return null;
      const { graphs, files, extractor } = cached;
      return { graphs, files, extractor };
    },
    async write({ extractor, files, graphs }) {
      await mkdir(dirname(file), { recursive: true });
      const draft = `${file}.${randomUUID()}`;
      try {
        await writeFile(draft, JSON.stringify({ ...head, extractor, files, graphs }));
        // In one step: another server may be reading.
        await rename(draft, file);
      } finally {
        await rm(draft, { force: true });
      }
    },
  };
}

async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, "utf8"));
  } catch {
    // None yet, or a broken one: both are replaced by the next extraction.
    return null;
  }
}

const isExtraction = (value: object): value is Extraction => {
  const { graphs, files, extractor } = value as Partial<Extraction>;
  return (
    isJsonObject(files) &&
    isJsonObject(extractor) &&
    isJsonObject(graphs) &&
    Object.values(graphs).every((graph) => isJsonObject(graph) && isJsonObject(graph["schemas"]))
  );
};

async function areUnchanged(root: string, files: Extraction["files"]): Promise<boolean> {
  const checks = Object.entries(files).map(async ([path, hash]) => {
    const content = await readFile(resolve(root, path)).catch(() => null);
    return content !== null && toHash(content) === hash;
  });
  return (await Promise.all(checks)).every(Boolean);
}
