import type { RunnableConfig } from "@langchain/core/runnables";
import type { BaseCheckpointSaver, BaseStore } from "@langchain/langgraph-checkpoint";
import { DomainError } from "../domain/errors.ts";
import { GraphError } from "./graph-error.ts";
import {
  type Graph,
  type GraphFactory,
  type GraphSource,
  loadGraph,
  type ServerRuntime,
} from "./load-graph.ts";
import type { ModuleLoader } from "./module-loader.ts";

/** A graph of the project, served or not. */
export interface GraphEntry {
  readonly graph_id: string;
  readonly description: string | null;
  /** Why it cannot be served; null when it can. */
  readonly error: GraphError | null;
}

export interface GraphRegistry {
  readonly entries: readonly GraphEntry[];
  /** @throws DomainError `not_found` for an unknown graph, `validation_error` for one that failed to load */
  require(graphId: string): void;
  /**
   * The graph for one request, with the server's checkpointer and store in place of its own.
   *
   * @throws DomainError `not_found` for an unknown graph, `validation_error` for one that failed to load
   *   or whose factory failed
   */
  get(graphId: string, config: RunnableConfig, runtime: ServerRuntime): Promise<Graph>;
}

export interface Memory {
  readonly checkpointer: BaseCheckpointSaver;
  readonly store: BaseStore;
}

/** Loads all graphs of the project. One that fails is listed with its error; the others are served. */
export async function loadGraphs(
  sources: Readonly<Record<string, GraphSource>>,
  loader: ModuleLoader,
  { checkpointer, store }: Memory,
): Promise<GraphRegistry> {
  const factories = new Map<string, GraphFactory | GraphError>();
  const entries: GraphEntry[] = [];
  // One after another: modules they share are then evaluated once and errors come in a stable order.
  for (const [graph_id, source] of Object.entries(sources)) {
    const loaded = await loadGraph(graph_id, source, loader).catch(toGraphError);
    factories.set(graph_id, loaded);
    entries.push({
      graph_id,
      description: source.description,
      error: loaded instanceof GraphError ? loaded : null,
    });
  }

  const find = (graphId: string): GraphFactory => {
    const factory = factories.get(graphId);
    if (factory === undefined) {
      throw new DomainError(
        "not_found",
        `Graph '${graphId}' not found. The configuration has: ${[...factories.keys()].join(", ")}`,
      );
    }
    if (factory instanceof GraphError) throw unusable(factory);
    return factory;
  };

  return {
    entries,
    require: find,
    async get(graphId, config, runtime) {
      const graph = await find(graphId)(config, runtime).catch((cause: unknown) => {
        throw unusable(toFactoryError(graphId, cause));
      });
      graph.checkpointer = checkpointer;
      graph.store = store;
      return graph;
    },
  };
}

function toGraphError(error: unknown): GraphError {
  if (error instanceof GraphError) return error;
  throw error;
}

const toFactoryError = (graphId: string, cause: unknown): GraphError =>
  cause instanceof GraphError
    ? cause
    : new GraphError(
        graphId,
        `Graph '${graphId}': its factory failed: ${cause instanceof Error ? cause.message : String(cause)}`,
        cause,
      );

/** 4xx, although the project is to blame: clients would repeat a 5xx, and the answer would not change. */
const unusable = (error: GraphError): DomainError =>
  new DomainError("validation_error", error.message, { cause: error });
