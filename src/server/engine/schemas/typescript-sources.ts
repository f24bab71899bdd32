import { existsSync } from "node:fs";
import type { GraphRegistry } from "../graph-registry.ts";
import type { Graph, GraphSource } from "../load-graph.ts";
import { builderOf, readRuntimeSchemas } from "./runtime-schemas.ts";
import { isComplete, type StaticSource } from "./static-schemas.ts";

export type GraphSources = Readonly<Record<string, GraphSource>>;

/** Why a graph has no schemas but the names of its keys. */
export const NO_TYPES = "it is JavaScript, where an Annotation has no types";
export const NO_STATE_GRAPH = "it is no StateGraph, and only those have schemas";

/** @returns null for a graph that is not TypeScript: there is nothing more to learn about it */
export function toTypeScriptSource(graphs: GraphSources, graphId: string): StaticSource | null {
  const source = graphs[graphId];
  if (source === undefined || !/\.[cm]?tsx?$/.test(source.file)) return null;
  return { graph_id: graphId, file: source.file, exportName: source.exportName };
}

/**
 * What a graph says of its schemas without its TypeScript: all, or `nothing` to say, or that it is `untyped`, it
 * or a subgraph. `unknown` when it could not be made: a factory may need what a run has.
 */
export type Knowledge = "all" | "nothing" | "untyped" | "unknown";

export async function lookAtGraph(registry: GraphRegistry, graphId: string): Promise<Knowledge> {
  try {
    const runtime = { accessContext: "assistants.read", executionRuntime: null } as const;
    const graph = await registry.get(graphId, { configurable: {} }, runtime);
    if (isUntyped(graph)) return "untyped";
    for await (const [, subgraph] of graph.getSubgraphsAsync(undefined, true)) {
      if (isUntyped(subgraph)) return "untyped";
    }
    return builderOf(graph) === null ? "nothing" : "all";
  } catch {
    // Whoever asks for the graph's schemas is told; its TypeScript is there all the same.
    return "unknown";
  }
}

const isUntyped = (graph: Graph): boolean =>
  builderOf(graph) !== null && !isComplete(readRuntimeSchemas(graph));

/** The graphs whose schemas have to be read from their TypeScript. */
export async function findSourcesInNeed(
  registry: GraphRegistry,
  sources: GraphSources,
  graphIds: readonly string[],
): Promise<StaticSource[]> {
  const found: StaticSource[] = [];
  for (const graphId of graphIds) {
    const source = toTypeScriptSource(sources, graphId);
    // One that is missing would fail the extraction of all.
    if (source === null || !existsSync(source.file)) continue;
    const knowledge = await lookAtGraph(registry, graphId);
    if (knowledge === "untyped" || knowledge === "unknown") found.push(source);
  }
  return found;
}
