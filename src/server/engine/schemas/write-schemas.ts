import type { GraphRegistry } from "../graph-registry.ts";
import { type NoExtraction, runExtraction } from "./run-extraction.ts";
import { openSchemaCache, type Versions } from "./schema-cache.ts";
import type { Extraction } from "./static-schemas.ts";
import {
  findSourcesInNeed,
  type GraphSources,
  lookAtGraph,
  NO_STATE_GRAPH,
  NO_TYPES,
  toTypeScriptSource,
} from "./typescript-sources.ts";

export interface WrittenSchemas {
  /** Where they are, absolute; null when every graph says its own. */
  readonly file: string | null;
  readonly graphs: readonly WrittenGraph[];
}

export interface WrittenGraph {
  readonly graph_id: string;
  /** `graph`: it says so itself when it runs; `types`: from its TypeScript; `none`: at most the names of its keys. */
  readonly schemas: "graph" | "types" | "none";
  /** Why there are none, for people; null when there are. */
  readonly reason: string | null;
}

/** Why there are no schemas. */
export type WriteFailure =
  | NoExtraction
  | (Omit<NoExtraction, "problem"> & { readonly problem: "not_written" });

export interface WriteOptions {
  readonly root: string;
  readonly sources: GraphSources;
  readonly versions: Versions;
  readonly timeoutMs: number;
}

/**
 * Reads from TypeScript what the graphs do not say themselves, and writes it into the project's cache.
 * @returns why not, when there was something to read and it could not be
 */
export async function writeSchemas(
  registry: GraphRegistry,
  { root, sources, versions, timeoutMs }: WriteOptions,
): Promise<WrittenSchemas | WriteFailure> {
  const graphIds = Object.keys(sources);
  const needed = await findSourcesInNeed(registry, sources, graphIds);
  let file: string | null = null;
  let extracted: Extraction["graphs"] = {};
  if (needed.length > 0) {
    const { signal } = new AbortController();
    const extraction = await runExtraction(needed, { root, timeoutMs, signal });
    if ("problem" in extraction) return extraction;
    const cache = openSchemaCache(root, versions);
    const failure = await cache.write(extraction).then(() => null, toWriteFailure);
    if (failure !== null) return failure;
    file = cache.file;
    extracted = extraction.graphs;
  }
  const graphs = await Promise.all(
    graphIds.map((graphId) => toWrittenGraph(graphId, { registry, sources, extracted })),
  );
  return { file, graphs };
}

const toWriteFailure = (error: Error): WriteFailure => ({
  problem: "not_written",
  reason: `the cache could not be written: ${error.message}`,
  suggestions: ["Let the user who runs the command write to the project's folder."],
});

async function toWrittenGraph(
  graph_id: string,
  {
    registry,
    sources,
    extracted,
  }: {
    readonly registry: GraphRegistry;
    readonly sources: GraphSources;
    readonly extracted: Extraction["graphs"];
  },
): Promise<WrittenGraph> {
  const without = (reason: string) => ({ graph_id, schemas: "none" as const, reason });
  const types = extracted[graph_id];
  if (types !== undefined) {
    return types.error === null ? { graph_id, schemas: "types", reason: null } : without(types.error);
  }
  const loadError = registry.entries.find((entry) => entry.graph_id === graph_id)?.error ?? null;
  if (loadError !== null) return without(loadError.message);
  if ((await lookAtGraph(registry, graph_id)) === "nothing") return without(NO_STATE_GRAPH);
  if (toTypeScriptSource(sources, graph_id) === null) return without(NO_TYPES);
  return { graph_id, schemas: "graph", reason: null };
}
