import { invalid } from "../domain/errors.ts";
import type { JsonObject } from "../domain/json.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import type { Graph } from "./load-graph.ts";

/** Where a request names a node. */
export interface NodeReference {
  /** Place in the request, for the message. */
  readonly path: string;
  readonly node: string;
}

export interface RunGraph {
  readonly graph_id: string;
  readonly configurable: JsonObject;
  readonly context: JsonObject | null;
}

/**
 * Checks that a graph has the nodes that a run names: LangGraph ignores those it does not know.
 * A graph that is made for each request is made for this too, unless nothing is named.
 *
 * @throws DomainError `validation_error` naming the nodes there are
 */
export async function requireNodes(
  graphs: GraphRegistry,
  { graph_id, configurable, context }: RunGraph,
  references: readonly NodeReference[],
): Promise<void> {
  if (references.length === 0) return;
  const graph = await graphs.get(
    graph_id,
    { configurable },
    { accessContext: "threads.create_run", executionRuntime: { context } },
  );
  for (const { path, node } of references) requireNode(graph, graph_id, { path, node });
}

/** @throws DomainError `validation_error` naming the nodes there are */
export function requireNode(graph: Graph, graphId: string, { path, node }: NodeReference): void {
  if (Object.hasOwn(graph.nodes, node)) return;
  const known = Object.keys(graph.nodes).filter((name) => name !== "__start__");
  throw invalid(path, `graph '${graphId}' has no node '${node}'; its nodes are ${known.join(", ")}`);
}
