import path from "node:path";
import { InMemoryStore, MemorySaver } from "@langchain/langgraph";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadGraphs } from "../../../src/server/engine/graph-registry.ts";
import type { ServerRuntime } from "../../../src/server/engine/load-graph.ts";
import { type ModuleLoader, openModuleLoader } from "../../../src/server/engine/module-loader.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../fixtures/graphs");
const READ: ServerRuntime = { accessContext: "threads.read", executionRuntime: null };
const runWith = (context: unknown): ServerRuntime => ({
  accessContext: "threads.create_run",
  executionRuntime: { context },
});

let loader: ModuleLoader;
beforeAll(async () => {
  loader = await openModuleLoader(FIXTURES, "tsx");
});
afterAll(() => loader[Symbol.asyncDispose]());

/** Loads one export as the graph `g`. */
async function load(written: string) {
  const [file = "", exportName = "default"] = written.split(":");
  const source = { file: path.join(FIXTURES, file), exportName, description: null, written };
  const memory = { checkpointer: new MemorySaver(), store: new InMemoryStore() };
  const graphs = await loadGraphs({ g: source }, loader, memory);
  return { graphs, memory };
}

/** What the graph leaves on a new thread. */
async function invoke(written: string, { word = "hi", runtime = runWith({ word: "ctx" }), input = {} } = {}) {
  const { graphs } = await load(written);
  const graph = await graphs.get("g", { configurable: { word } }, runtime);
  return graph.invoke(input, { configurable: { thread_id: "t" } }) as Promise<Record<string, unknown>>;
}

const lastMessage = async (written: string) =>
  ((await invoke(written))["messages"] as { content: string }[]).at(-1)?.content;

describe("an export can be", () => {
  test.each([
    ["steps.ts:graph", ["a", "b", "c"]],
    ["shapes.ts:default", ["default"]],
    ["shapes.ts:builder", ["builder"]],
    ["shapes.ts:promise", ["promise"]],
    ["shapes.ts:promisedBuilder", ["promised builder"]],
  ])("%s", async (written, items) => {
    expect(await invoke(written)).toMatchObject({ items });
  });

  test("an agent of LangChain, which wraps its graph", async () => {
    const input = { messages: [{ role: "user", content: "weather?" }] };
    const { messages } = await invoke("tools.ts:agent", { input });
    expect((messages as { content: string }[]).at(-1)?.content).toBe("It is sunny");
  });

  test("an entrypoint of the functional API", async () => {
    expect(await invoke("shapes.ts:workflow", { input: { value: 21 } })).toEqual({ value: 42 });
  });
});

describe("a factory gets what it declares:", () => {
  test.each([
    ["nothing", "factories.ts:fromNothing", ["nothing"]],
    ["the configuration", "factories.ts:fromConfig", ["hi"]],
    ["the runtime", "factories.ts:fromRuntime", ["threads.create_run", "ctx"]],
    ["both", "factories.ts:fromBoth", ["hi", "threads.create_run"]],
    ["both in the other order", "factories.ts:reversed", ["hi", "threads.create_run"]],
  ])("%s", async (_, written, items) => {
    expect(await invoke(written)).toMatchObject({ items });
  });

  test("and is told when it is called to read a state", async () => {
    expect(await invoke("factories.ts:fromRuntime", { runtime: READ })).toMatchObject({
      items: ["threads.read", "no context"],
    });
  });

  test("anew for each request", async () => {
    const { graphs } = await load("factories.ts:fromConfig");
    const items = [];
    for (const word of ["one", "two"]) {
      const graph = await graphs.get("g", { configurable: { word } }, READ);
      items.push((await graph.invoke({}, { configurable: { thread_id: word } })) as unknown);
    }
    expect(items).toMatchObject([{ items: ["one"] }, { items: ["two"] }]);
  });
});

test.each([
  ["module.mjs:graph", "from .mjs"],
  ["script.js:graph", "from .js"],
  ["typed.mts:graph", "from .mts"],
  ["view.tsx:graph", "from .tsx"],
])("%s is loaded", async (written, content) => {
  expect(await lastMessage(written)).toBe(content);
});

test("every graph gets the server's checkpointer and store", async () => {
  for (const written of [
    "steps.ts:graph",
    "factories.ts:fromNothing",
    "tools.ts:agent",
    "shapes.ts:workflow",
  ]) {
    const { graphs, memory } = await load(written);
    const graph = await graphs.get("g", {}, READ);
    expect(graph.checkpointer).toBe(memory.checkpointer);
    expect(graph.store).toBe(memory.store);
  }
});

describe("a graph that cannot be served is listed with the reason:", () => {
  test.each([
    ["a file that is not there", "nowhere.ts:graph", /there is no file .*nowhere\.ts/],
    ["an export that is not there", "steps.ts:agent", /no export 'agent'\. It exports: graph, breakpoint\./],
    ["something else", "shapes.ts:number", /found a number/],
    ["a rejected promise", "shapes.ts:rejected", /'rejected' was rejected: no graph today/],
  ])("%s", async (_, written, reason) => {
    const { graphs } = await load(written);
    expect(graphs.entries[0]?.error?.message).toMatch(reason);
    expect(graphs.entries[0]?.error?.message).toContain(`Graph 'g' (${written})`);
    expect(() => graphs.require("g")).toThrow(expect.objectContaining({ code: "validation_error" }));
  });

  test("and does not keep the others from being served", async () => {
    const source = (file: string, exportName: string) => ({
      file: path.join(FIXTURES, file),
      exportName,
      description: "d",
      written: file,
    });
    const graphs = await loadGraphs(
      { bad: source("nowhere.ts", "graph"), good: source("steps.ts", "graph") },
      loader,
      { checkpointer: new MemorySaver(), store: new InMemoryStore() },
    );
    expect(graphs.entries.map(({ graph_id, error }) => [graph_id, error === null])).toEqual([
      ["bad", false],
      ["good", true],
    ]);
    expect(await graphs.get("good", {}, READ)).toBeDefined();
  });
});

test("a factory that fails is an error of the request that names the graph", async () => {
  const { graphs } = await load("factories.ts:throwing");
  await expect(graphs.get("g", {}, runWith(null))).rejects.toMatchObject({
    code: "validation_error",
    message: "Graph 'g': its factory failed: no graph today",
  });
  expect(await graphs.get("g", {}, READ)).toBeDefined();
});

test("an unknown graph is not found, and the message names those there are", async () => {
  const { graphs } = await load("steps.ts:graph");
  await expect(graphs.get("x", {}, READ)).rejects.toMatchObject({
    code: "not_found",
    message: "Graph 'x' not found. The configuration has: g",
  });
});
