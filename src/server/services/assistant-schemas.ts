import type { Assistant } from "../domain/assistant.ts";
import type { Caller } from "../domain/caller.ts";
import type { GraphSchemas } from "../domain/graph-schemas.ts";
import { isJsonObject } from "../domain/json.ts";
import type { Engine } from "../engine/engine.ts";
import type { SubgraphQuery } from "../engine/schemas/schema-reader.ts";
import type { Queryable } from "../persistence/database.ts";
import { getAssistant } from "./assistants.ts";

interface Deps {
  readonly db: Queryable;
  readonly engine: Pick<Engine, "readSchemas" | "readSubgraphs">;
}

/**
 * What the assistant's graph takes and gives. What cannot be found out is an empty schema.
 * @throws DomainError `not_found`, `validation_error` when the graph failed to load
 */
export async function getAssistantSchemas(
  { db, engine }: Deps,
  caller: Caller,
  assistantOrGraphId: string,
): Promise<GraphSchemas & { readonly graph_id: string }> {
  const graph = toGraph(await getAssistant({ db }, caller, assistantOrGraphId));
  return { graph_id: graph.graph_id, ...(await engine.readSchemas(graph)) };
}

/**
 * The same of the subgraphs of the assistant's graph, by their namespace; empty when there is none.
 * @throws DomainError `not_found`, `validation_error` when the graph failed to load or its factory fails
 */
export async function getAssistantSubgraphs(
  { db, engine }: Deps,
  caller: Caller,
  assistantOrGraphId: string,
  query: SubgraphQuery,
): Promise<Readonly<Record<string, GraphSchemas>>> {
  return engine.readSubgraphs(toGraph(await getAssistant({ db }, caller, assistantOrGraphId)), query);
}

function toGraph({ graph_id, config }: Assistant) {
  const { configurable } = config;
  return { graph_id, configurable: isJsonObject(configurable) ? configurable : {} };
}
