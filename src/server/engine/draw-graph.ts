import type { JsonObject } from "../domain/json.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import { toJson } from "./to-json.ts";

const READ = { accessContext: "assistants.read", executionRuntime: null } as const;

export interface AssistantGraph {
  readonly graph_id: string;
  readonly configurable: JsonObject;
}

/**
 * Nodes and edges of a graph, for drawing it.
 * @param xray whether to draw subgraphs in place of their nodes; a number limits the depth
 */
export async function drawGraph(
  graphs: GraphRegistry,
  { graph_id, configurable }: AssistantGraph,
  xray: boolean | number,
): Promise<unknown> {
  const config = { configurable: { ...configurable } };
  const graph = await graphs.get(graph_id, config, READ);
  // A variable, because the type of Pregel's method does not know the option that compiled graphs have.
  const options = { ...config, xray };
  return toJson((await graph.getGraphAsync(options)).toJSON());
}
