import type { Logger } from "pino";
import type { Config } from "../config/config.ts";
import type { ClosingStack } from "./closing-stack.ts";
import { SYSTEM_OWNER } from "./domain/caller.ts";
import type { Attempt } from "./domain/run.ts";
import { createEngine, type Engine, findLangGraphVersion } from "./engine/engine.ts";
import { type GraphEntry, loadGraphs } from "./engine/graph-registry.ts";
import { createGraphStore, type OpenStore } from "./engine/graph-store.ts";
import { createCheckpointer } from "./engine/memory.ts";
import { openModuleLoader } from "./engine/module-loader.ts";
import { repairBatchedStores } from "./engine/repair-batched-store.ts";
import { openSchemas } from "./engine/schemas/open-schemas.ts";
import { StartError } from "./errors.ts";
import { type Database, isDatabaseUnavailable } from "./persistence/database.ts";
import * as store from "./services/store.ts";

export interface EngineParts {
  readonly config: Config;
  /** The server's rows, where the store is. */
  readonly db: Database;
  /** Connections for checkpoints alone; see docs/decisions/0007. */
  readonly checkpoints: Database;
  /** Whether a graph that cannot be loaded is an error. */
  readonly requiresAllGraphs: boolean;
  readonly aegraVersion: string;
  readonly log: Logger;
}

/**
 * Loads the project's graphs and gives them the server's memory.
 * @throws StartError `GRAPH_FAILED`, before anything is served or executed
 */
export async function startEngine(
  started: ClosingStack,
  { config, db, checkpoints, requiresAllGraphs, aegraVersion, log }: EngineParts,
): Promise<{ readonly engine: Engine; readonly loadedFiles: ReadonlySet<string> }> {
  const loader = started.use(await openModuleLoader(config.root, config.nodeLoader));
  const checkpointer = createCheckpointer(checkpoints.pool, isDatabaseUnavailable);
  const openStore: OpenStore = (attempt) =>
    createGraphStore(toStoreOperations({ db, storeTtl: config.store.ttl }, attempt), isDatabaseUnavailable);
  const graphs = await loadGraphs(config.graphs, loader, { checkpointer, store: openStore(null) });
  repairBatchedStores();
  const failed = reportFailures(graphs.entries, log);
  if (requiresAllGraphs && failed.length > 0) throw graphsFailed(failed);
  const schemas = openSchemas(graphs, {
    root: config.root,
    sources: config.graphs,
    versions: { aegra: aegraVersion, langgraph: findLangGraphVersion() },
    warn: (missing) => log.warn(missing, "schemas incomplete"),
  });
  started.use(schemas);
  return {
    engine: createEngine(graphs, { checkpointer, openStore }, schemas),
    loadedFiles: loader.loadedFiles,
  };
}

/** Graphs write to the same store as clients, in the name of the server. */
function toStoreOperations(deps: Parameters<typeof store.getItem>[0], attempt: Attempt | null) {
  const caller = { identity: SYSTEM_OWNER };
  return {
    get: (namespace: readonly string[], key: string) => store.getItem(deps, caller, namespace, key),
    put: (item: store.ItemPut) => store.putItem(deps, caller, item, attempt),
    delete: (namespace: readonly string[], key: string) =>
      store.deleteItem(deps, caller, namespace, key, attempt),
    search: (search: store.StoreSearch) => store.searchItems(deps, caller, search),
    listNamespaces: (search: Parameters<typeof store.listNamespaces>[2]) =>
      store.listNamespaces(deps, caller, search),
  };
}

/** @returns what to tell the user, one text a graph */
function reportFailures(graphs: readonly GraphEntry[], log: Logger): readonly string[] {
  return graphs.flatMap(({ graph_id, error }) => {
    if (error === null) return [];
    // The stack that leads to the mistake is that of the cause, where there is one.
    log.error({ graph_id, reason: error.message, err: error.cause }, "graph not loaded");
    return [error.message];
  });
}

const graphsFailed = (reasons: readonly string[]): StartError =>
  new StartError("GRAPH_FAILED", reasons.join("\n"), [
    "Correct the file or the entry under `graphs` in the configuration.",
    "`aegra dev` serves the other graphs meanwhile.",
  ]);
