import { setTimeout as sleep } from "node:timers/promises";
import type { GraphSchemas, KnownSchemas } from "../../domain/graph-schemas.ts";
import { isJsonObject } from "../../domain/json.ts";
import type { AssistantGraph } from "../draw-graph.ts";
import type { GraphRegistry } from "../graph-registry.ts";
import type { Graph } from "../load-graph.ts";
import { readChannelSchemas } from "./channel-schemas.ts";
import { builderOf, readRuntimeSchemas } from "./runtime-schemas.ts";
import { isComplete } from "./static-schemas.ts";
import type { TypeSchemaSource } from "./type-schemas.ts";
import { NO_STATE_GRAPH } from "./typescript-sources.ts";
import type { WarnOfSchemas } from "./warn-once.ts";

const READ = { accessContext: "assistants.read", executionRuntime: null } as const;

/** How long a request waits for schemas that are being extracted. */
const WAIT_MS = 2000;

interface SchemaReaderParts {
  readonly graphs: GraphRegistry;
  readonly types: Pick<TypeSchemaSource, "find">;
  readonly warn: WarnOfSchemas;
}

export interface SubgraphQuery {
  /** Only the subgraph at this place, `parent|child`; null for all. Below the first level it needs `recurse`. */
  readonly namespace: string | null;
  /** Whether to look into subgraphs for more. */
  readonly recurse: boolean;
}

export type SchemaReader = ReturnType<typeof createSchemaReader>;

/**
 * Reads the schemas of graphs: from StateSchema and zod, else from the TypeScript of the graph where that was
 * extracted, else the names of the state's keys. What is unknown is an empty schema and a warning, not an error.
 */
export function createSchemaReader({ graphs, types, warn }: SchemaReaderParts) {
  /** @param graph null when it could not be made */
  const readGraph = async (
    graphId: string,
    graph: Graph | null,
    namespace: string,
  ): Promise<GraphSchemas> => {
    const runtime = graph === null ? {} : readRuntimeSchemas(graph);
    if (isComplete(runtime)) return toGraphSchemas(runtime);
    if (graph !== null && builderOf(graph) === null) {
      warn("types", { graphs: [graphId], reason: NO_STATE_GRAPH });
      return toGraphSchemas(runtime);
    }
    const found = await soonOrNull(types.find(graphId));
    const known = { ...found?.schemas[namespace], ...runtime };
    if (found === null) {
      warn("pending", { graphs: [graphId], reason: "they are still being read from its TypeScript" });
    } else if (!isComplete(known)) {
      warn("types", { graphs: [graphId], reason: found.reason });
    }
    return toGraphSchemas({ ...(graph !== null && readChannelSchemas(graph)), ...known });
  };

  return {
    /** @throws DomainError `not_found` for an unknown graph, `validation_error` for one that failed to load */
    async readSchemas({ graph_id, configurable }: AssistantGraph): Promise<GraphSchemas> {
      graphs.require(graph_id);
      const config = { configurable: { ...configurable } };
      const graph = await graphs.get(graph_id, config, READ).catch((error: unknown) => {
        // A factory may need what only a run has. The TypeScript of the graph is there all the same.
        warn("factory", { graphs: [graph_id], reason: describe(error) });
        return null;
      });
      return readGraph(graph_id, graph, "");
    },

    /**
     * The subgraphs of a graph by their namespace.
     * @throws DomainError as `readSchemas`, and `validation_error` when the graph's factory fails
     */
    async readSubgraphs(
      { graph_id, configurable }: AssistantGraph,
      { namespace, recurse }: SubgraphQuery,
    ): Promise<Readonly<Record<string, GraphSchemas>>> {
      const graph = await graphs.get(graph_id, { configurable: { ...configurable } }, READ);
      const schemas: [string, GraphSchemas][] = [];
      try {
        for await (const [name, subgraph] of graph.getSubgraphsAsync(namespace ?? undefined, recurse)) {
          schemas.push([name, await readGraph(graph_id, subgraph, name)]);
        }
      } catch (error) {
        // A graph on another server asks that server, which may not answer. What was found is still true.
        warn("subgraphs", { graphs: [graph_id], reason: `its subgraphs are not known: ${describe(error)}` });
      }
      return Object.fromEntries(schemas);
    },
  };
}

function toGraphSchemas({ input, output, state, config }: KnownSchemas): GraphSchemas {
  return {
    input_schema: orEmpty(input),
    output_schema: orEmpty(output),
    state_schema: orEmpty(state),
    config_schema: orEmpty(config),
    context_schema: orEmpty(config),
  };
}

const orEmpty = (schema: unknown) => (isJsonObject(schema) ? schema : {});

/** @returns null when it takes longer than a request may wait */
async function soonOrNull<T>(work: Promise<T>): Promise<T | null> {
  const waited = new AbortController();
  try {
    return await Promise.race([work, sleep(WAIT_MS, null, { signal: waited.signal })]);
  } finally {
    waited.abort();
  }
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));
