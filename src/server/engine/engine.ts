import { createRequire } from "node:module";
import { drawGraph } from "./draw-graph.ts";
import type { GraphRegistry } from "./graph-registry.ts";
import type { OpenStore } from "./graph-store.ts";
import type { HoldingSaver, Writer } from "./holding-saver.ts";
import { requireNodes } from "./require-nodes.ts";
import type { Schemas } from "./schemas/open-schemas.ts";
import { streamGraph } from "./stream-graph.ts";
import { readThreadHistory, readThreadState, updateThreadState } from "./thread-state.ts";
import { applySupersteps } from "./thread-supersteps.ts";

export interface EngineMemory {
  readonly checkpointer: HoldingSaver;
  readonly openStore: OpenStore;
}

/** What the server can do with the project's graphs, with the graphs already applied. */
export function createEngine(
  graphs: GraphRegistry,
  { checkpointer, openStore }: EngineMemory,
  schemas: Schemas,
) {
  const langGraphVersion = findLangGraphVersion();
  const withGraphs =
    <A extends unknown[], R>(work: (graphs: GraphRegistry, ...args: A) => R) =>
    (...args: A): R =>
      work(graphs, ...args);

  return {
    graphs: graphs.entries,
    langGraphVersion,
    /** @throws DomainError `not_found` for an unknown graph, `validation_error` for one that failed to load */
    requireGraph: graphs.require,
    requireNodes: withGraphs(requireNodes),
    streamGraph: (...args: Tail<Parameters<typeof streamGraph>>) =>
      streamGraph({ graphs, checkpointer, openStore, langGraphVersion }, ...args),
    readThreadState: withGraphs(readThreadState),
    readThreadHistory: withGraphs(readThreadHistory),
    updateThreadState: withGraphs(updateThreadState),
    applySupersteps: withGraphs(applySupersteps),
    /** Writes what a run has done and is not in the database yet. Can be repeated when it fails. */
    writeHeldState: (threadId: string): Promise<void> => checkpointer.writeHeld(threadId),
    /** Forgets what a run has done and is not in the database yet. Resolves when nothing is on its way there. */
    async discardHeldState(writer: Writer): Promise<void> {
      checkpointer.drop(writer);
      await checkpointer.written(writer.thread_id);
    },
    /**
     * Forgets what a run has done and is not in the database yet.
     * @returns whether that is all of what it did, on a thread that was made for it
     */
    dropHeldState: (writer: Writer): boolean => checkpointer.drop(writer),
    /** Deletes all state of a thread at once, whatever transaction the caller is in. */
    deleteThreadState: (threadId: string): Promise<void> => checkpointer.deleteThread(threadId),
    drawGraph: withGraphs(drawGraph),
    readSchemas: schemas.readSchemas,
    readSubgraphs: schemas.readSubgraphs,
    extractSchemas: schemas.extract,
  };
}

export type Engine = ReturnType<typeof createEngine>;

type Tail<T extends unknown[]> = T extends [unknown, ...infer Rest] ? Rest : never;

/** Of the copy that this process uses. */
export function findLangGraphVersion(): string {
  const require = createRequire(import.meta.resolve("@langchain/langgraph"));
  const { version } = require("@langchain/langgraph/package.json") as { version: string };
  return version;
}
