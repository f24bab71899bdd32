import type { KnownSchemas } from "../../domain/graph-schemas.ts";
import type { GraphRegistry } from "../graph-registry.ts";
import { findExtractorVersion, runExtraction } from "./run-extraction.ts";
import type { SchemaCache } from "./schema-cache.ts";
import { toSourceName } from "./source-files.ts";
import type { Extraction, StaticSource } from "./static-schemas.ts";
import { findSourcesInNeed, type GraphSources, NO_TYPES, toTypeScriptSource } from "./typescript-sources.ts";
import type { WarnOfSchemas } from "./warn-once.ts";

/** What the TypeScript of a graph says. */
export interface TypeSchemas {
  /** By namespace, as in a `StaticGraph`. */
  readonly schemas: Readonly<Record<string, KnownSchemas>>;
  /** Why something is missing, if it is. */
  readonly reason: string;
}

export interface TypeSchemaSource extends AsyncDisposable {
  find(graphId: string): Promise<TypeSchemas>;
  /** Reads in the background what the cache does not have. Until then, `find` takes that long. */
  extract(): void;
}

export interface TypeSchemaParts {
  readonly root: string;
  readonly sources: GraphSources;
  readonly registry: GraphRegistry;
  readonly cache: SchemaCache;
  readonly warn: WarnOfSchemas;
}

const TIMEOUT_MS = 120_000;
const NOT_CACHED =
  "their types are only in TypeScript, which this server does not read: run `aegra schemas` where the project is built";

/** What is known, and why there is no more. */
interface Outcome {
  readonly graphs: Extraction["graphs"];
  readonly reason: string;
}

/** The schemas that only TypeScript knows: those of the cache, and in development those that are read now. */
export function createTypeSchemas(parts: TypeSchemaParts): TypeSchemaSource {
  const { root, sources, cache } = parts;
  const closing = new AbortController();
  let known: Promise<Outcome> | null = null;

  return {
    async find(graphId) {
      const source = toTypeScriptSource(sources, graphId);
      if (source === null) return { schemas: {}, reason: NO_TYPES };
      known ??= cache.read().then((cached) => ({ graphs: cached?.graphs ?? {}, reason: NOT_CACHED }));
      const { graphs, reason } = await known;
      const graph = graphs[graphId];
      if (graph?.source !== toSourceName(root, source)) return { schemas: {}, reason };
      return { schemas: graph.schemas, reason: graph.error ?? "its types do not say" };
    },
    extract() {
      known = extractUnlessCached(parts, closing.signal).catch((error: Error) => ({
        graphs: {},
        reason: `what reads their types could not be started: ${error.message}`,
      }));
    },
    async [Symbol.asyncDispose]() {
      closing.abort();
      await known;
    },
  };
}

async function extractUnlessCached(parts: TypeSchemaParts, signal: AbortSignal): Promise<Outcome> {
  const { root, sources, registry, cache, warn } = parts;
  const served = registry.entries.filter(({ error }) => error === null).map(({ graph_id }) => graph_id);
  const needed = await findSourcesInNeed(registry, sources, served);
  const cached = await cache.read();
  if (covers(cached, root, needed)) return { graphs: cached?.graphs ?? {}, reason: NOT_CACHED };

  const graphs = needed.map(({ graph_id }) => graph_id);
  const done = await runExtraction(needed, { root, timeoutMs: TIMEOUT_MS, signal });
  if ("problem" in done) {
    if (!signal.aborted) warn("types", { graphs, reason: done.reason });
    return { graphs: cached?.graphs ?? {}, reason: done.reason };
  }
  await cache.write(done).catch((error: Error) => {
    // They are extracted again by the next server; this one has them.
    warn("cache", { graphs, reason: `${cache.file} could not be written: ${error.message}` });
  });
  return { graphs: done.graphs, reason: NOT_CACHED };
}

/** Whether nothing has to be extracted. What an earlier version of the extractor found is done again. */
function covers(cached: Extraction | null, root: string, needed: readonly StaticSource[]): boolean {
  if (needed.length === 0) return true;
  if (cached === null) return false;
  const installed = findExtractorVersion(root);
  if (installed !== null && installed !== cached.extractor.langgraphApi) return false;
  return needed.every((source) => cached.graphs[source.graph_id]?.source === toSourceName(root, source));
}
