// The process that reads schemas out of the TypeScript of graphs. It takes seconds and hundreds of megabytes,
// and ends with that. The work is done in a thread, so that the process can end the moment its parent does.
import { createRequire } from "node:module";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { type RawSchemas, toKnownSchemas } from "./clean-schemas.ts";
import { hashSourceFiles, type TypeScript, toSourceName } from "./source-files.ts";
import type { ExtractionOrder, ExtractionReport, StaticGraph, StaticSource } from "./static-schemas.ts";

interface Parser {
  getStaticGraphSchema(
    specs: Readonly<Record<string, { readonly sourceFile: string; readonly exportSymbol: string }>>,
    options: { readonly mainThread: true },
  ): Promise<Readonly<Record<string, RawSchemas>>>;
}

function superviseThread(): void {
  const report = (answer: ExtractionReport) => process.send?.(answer, () => process.exit(0));
  process.once("disconnect", () => process.exit(0));
  process.once("message", (order: ExtractionOrder) => {
    const thread = new Worker(new URL(import.meta.url), { workerData: order });
    thread.once("message", report);
    thread.once("error", (error) => report({ type: "failed", reason: describe(error) }));
  });
}

async function extract({ root, sources, module }: ExtractionOrder): Promise<ExtractionReport> {
  const require = createRequire(module);
  const ts = (await import(pathToFileURL(require.resolve("typescript")).href)) as {
    default: Partial<TypeScript>;
  };
  const { version } = require("typescript/package.json") as { version: string };
  if (!hasApi(ts.default)) {
    const reason = `@langchain/langgraph-api needs TypeScript 5, and the project has ${version}`;
    return { type: "failed", reason };
  }
  // Before anything is read: what changes meanwhile makes the result one of the past, not a wrong one.
  const files = hashSourceFiles(
    ts.default,
    root,
    sources.map(({ file }) => file),
  );
  const parser = (await import(pathToFileURL(module).href)) as Parser;
  const graphs: Record<string, StaticGraph> = {};
  for (const round of toRounds(sources)) Object.assign(graphs, await extractRound(parser, root, round));
  const { version: langgraphApi } = require("@langchain/langgraph-api/package.json") as { version: string };
  return {
    type: "extracted",
    extraction: { graphs, files, extractor: { langgraphApi, typescript: version } },
  };
}

const hasApi = (ts: Partial<TypeScript>): ts is TypeScript => typeof ts.preProcessFile === "function";

/** The parser mixes up graphs of one file that are asked for in one call. */
function toRounds(sources: readonly StaticSource[]): StaticSource[][] {
  const rounds: StaticSource[][] = [];
  for (const source of sources) {
    const round = rounds.find((others) => others.every(({ file }) => file !== source.file));
    if (round === undefined) rounds.push([source]);
    else round.push(source);
  }
  return rounds;
}

/** All in one call, which is fastest; one by one when that fails, since one graph fails it for all. */
async function extractRound(
  parser: Parser,
  root: string,
  sources: readonly StaticSource[],
): Promise<Record<string, StaticGraph>> {
  const specs = Object.fromEntries(
    sources.map(({ graph_id, file, exportName }) => [
      graph_id,
      { sourceFile: file, exportSymbol: exportName },
    ]),
  );
  const toGraph = ({ graph_id, file, exportName }: StaticSource, outcome: Partial<StaticGraph>) => [
    graph_id,
    { source: toSourceName(root, { file, exportName }), schemas: {}, error: null, ...outcome },
  ];
  try {
    const found = await parser.getStaticGraphSchema(specs, { mainThread: true });
    return Object.fromEntries(
      sources.map((source) => toGraph(source, toOutcome(found[source.graph_id] ?? {}, source))),
    );
  } catch (error) {
    const [source] = sources;
    if (source === undefined) return {};
    if (sources.length === 1) return Object.fromEntries([toGraph(source, { error: describe(error) })]);
    const graphs: Record<string, StaticGraph> = {};
    for (const one of sources) Object.assign(graphs, await extractRound(parser, root, [one]));
    return graphs;
  }
}

function toOutcome(raw: RawSchemas, { exportName }: StaticSource): Partial<StaticGraph> {
  const schemas = toKnownSchemas(raw, exportName);
  if (Object.keys(schemas[""] ?? {}).length > 0) return { schemas };
  const error =
    exportName === "default"
      ? "the types of a default export cannot be found: export the graph under a name"
      : "its types say nothing: a graph that is exported where it is made, with a tsconfig.json that finds LangGraph's types, can be read";
  return { error };
}

const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error));

if (isMainThread) superviseThread();
else parentPort?.postMessage(await extract(workerData as ExtractionOrder));
