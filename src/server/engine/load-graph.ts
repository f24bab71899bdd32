import { existsSync } from "node:fs";
import type { RunnableConfig } from "@langchain/core/runnables";
import type { Pregel } from "@langchain/langgraph";
import { GraphError } from "./graph-error.ts";
import type { ModuleLoader } from "./module-loader.ts";

// biome-ignore lint/suspicious/noExplicitAny: Pregel's parameters are the user's node and channel types
export type Graph = Pregel<any, any>;

/** What a graph factory is told about why it is called; the second argument on the hosted server. */
export type ServerRuntime =
  | {
      readonly accessContext: "threads.create_run";
      readonly executionRuntime: { readonly context: unknown };
    }
  | {
      readonly accessContext: "threads.read" | "threads.update" | "assistants.read";
      readonly executionRuntime: null;
    };

/** Makes the graph for one request. */
export type GraphFactory = (config: RunnableConfig, runtime: ServerRuntime) => Promise<Graph>;

export interface GraphSource {
  /** Absolute path. */
  readonly file: string;
  readonly exportName: string;
  readonly description: string | null;
  /** As the configuration has it, for messages. */
  readonly written: string;
}

/**
 * Loads what the project exports as a graph: compiled or not, a promise of either, a `createAgent` agent,
 * or a function that makes one of them for each request.
 *
 * @throws GraphError naming the graph, its file, and what the file does export
 */
export async function loadGraph(
  graphId: string,
  source: GraphSource,
  loader: ModuleLoader,
): Promise<GraphFactory> {
  const fail = (problem: string, cause?: unknown) =>
    new GraphError(graphId, `Graph '${graphId}' (${source.written}): ${problem}`, cause);

  if (!existsSync(source.file)) throw fail(`there is no file ${source.file}.`);
  const module = await loader.load(source.file).catch((cause: unknown) => {
    throw fail(`the file could not be loaded: ${describe(cause)}`, cause);
  });

  const exported = module[source.exportName];
  if (exported === undefined) {
    const names = Object.keys(module).filter((name) => name !== "__esModule" && name !== "module.exports");
    const found = names.length === 0 ? "It exports nothing." : `It exports: ${names.join(", ")}.`;
    throw fail(`the file has no export '${source.exportName}'. ${found}`);
  }
  if (typeof exported === "function") {
    return async (config, runtime) => toGraph(await callFactory(exported, config, runtime), fail);
  }
  const settled = await Promise.resolve(exported).catch((cause: unknown) => {
    throw fail(`the promise '${source.exportName}' was rejected: ${describe(cause)}`, cause);
  });
  const graph = toGraph(settled, fail);
  return async () => graph;
}

/**
 * Calls a factory with config and runtime. Each argument carries the fields of both, so that it does not
 * matter in which order, or whether at all, the factory declares them.
 */
function callFactory(factory: unknown, config: RunnableConfig, runtime: ServerRuntime): unknown {
  const call = factory as (first: object, second: object) => unknown;
  return call({ ...runtime, ...config }, { ...config, ...runtime });
}

function toGraph(exported: unknown, fail: (problem: string) => GraphError): Graph {
  const compiled = hasMethod(exported, "compile") ? exported.compile() : exported;
  // `createAgent` wraps the graph; the wrapper takes no checkpointer.
  const inner = isObject(compiled) && isGraph(compiled["graph"]) ? compiled["graph"] : compiled;
  if (isGraph(inner)) return inner;
  throw fail(
    `expected a graph, an agent, or a function that returns one, and found ${describeValue(exported)}.`,
  );
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

const isGraph = (value: unknown): value is Graph => isObject(value) && value["lg_is_pregel"] === true;

const hasMethod = <N extends string>(value: unknown, name: N): value is Record<N, () => unknown> =>
  isObject(value) && typeof value[name] === "function" && !isGraph(value);

const describe = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

const describeValue = (value: unknown): string =>
  value === null
    ? "null"
    : isObject(value)
      ? `an object with ${Object.keys(value).slice(0, 5).join(", ") || "no fields"}`
      : `a ${typeof value}`;
