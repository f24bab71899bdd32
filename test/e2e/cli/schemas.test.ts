import { execFileSync } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { beforeAll, describe, expect, test } from "vitest";
import { runExtraction } from "../../../src/server/engine/schemas/run-extraction.ts";
import { annotationProject, installAnnotationProject } from "../../support/annotation-project.ts";
import { cliProject, isAlive, type RunningCli, runCli, startCli } from "../../support/cli.ts";
import { configOf, graphOf } from "../../support/cli-graphs.ts";
import { testDatabaseUrl } from "../../support/database.ts";

const isWindows = process.platform === "win32";
const INSTALL = "npm install --save-dev @langchain/langgraph-api@1.5.1 typescript@5.9.3";

beforeAll(async () => {
  await installAnnotationProject();
});

const PROPERTIES = {
  messages: { type: "array" },
  items: { type: "array", items: { type: "string" } },
};
const NAMES_ONLY = { messages: { langgraph_type: "messages" }, mood: {}, items: {} };

async function serve(cwd: string) {
  const database = ["--database-url", await testDatabaseUrl()];
  const cli = startCli({ cwd }, "serve", "-p", "0", "--host", "127.0.0.1", ...database);
  await cli.text('"server ready"');
  return { cli, client: clientOf(cli.events().find(({ msg }) => msg === "server ready")) };
}

const clientOf = (ready: Record<string, unknown> | undefined) =>
  new Client({ apiUrl: String(ready?.["url"]), callerOptions: { maxRetries: 0 } });

const reasonsOf = (cli: RunningCli, graphId: string) =>
  cli
    .events()
    .filter(({ msg, graphs }) => msg === "schemas incomplete" && (graphs as string[]).includes(graphId))
    .map(({ reason }) => String(reason));

async function stop({ process: child, ended }: RunningCli): Promise<void> {
  child.kill("SIGTERM");
  await ended;
}

describe("aegra schemas", () => {
  test("reads types for a server that cannot, which uses them until the sources change", async () => {
    const { cwd, uninstall } = await annotationProject();
    const { code, stdout } = await runCli({ cwd }, "schemas", "--json");
    expect(code).toBe(0);
    const { data, warnings } = JSON.parse(stdout);
    expect(data.file).toBe(path.join(cwd, ".aegra", "cache", "schemas.json"));
    expect(data.graphs).toEqual([
      { graph_id: "agent", schemas: "types", reason: null },
      { graph_id: "counter", schemas: "types", reason: null },
      { graph_id: "personal", schemas: "types", reason: null },
      { graph_id: "unnamed", schemas: "none", reason: expect.stringContaining("under a name") },
      { graph_id: "plain", schemas: "none", reason: expect.stringContaining("JavaScript") },
    ]);
    expect(warnings).toHaveLength(2);
    const cache = await readFile(data.file, "utf8");
    expect(cache).not.toContain(cwd);
    expect(Object.keys(JSON.parse(cache).files)).toEqual(
      expect.arrayContaining(["agent.ts", "state.ts", "types.ts", "tsconfig.json"]),
    );

    await uninstall();
    const first = await serve(cwd);
    const { assistants } = first.client;
    const schemas = await assistants.getSchemas("agent");
    expect(schemas.input_schema).toMatchObject({ type: "object", properties: PROPERTIES });
    expect(JSON.stringify(schemas.input_schema)).toContain('["happy","sad"]');
    expect(schemas.context_schema).toMatchObject({ properties: { model: { type: "string" } } });
    expect(await assistants.getSubgraphs("agent")).toMatchObject({
      child: { input_schema: { properties: { depth: { type: "number" } } } },
    });
    const count = { properties: { count: { type: "number" } } };
    expect((await assistants.getSchemas("counter")).state_schema).toMatchObject(count);
    expect((await assistants.getSchemas("personal")).state_schema).toMatchObject(count);
    expect(reasonsOf(first.cli, "agent")).toEqual([]);
    await stop(first.cli);

    // Nothing of this file is loaded by the server.
    await writeFile(path.join(cwd, "types.ts"), 'export type Mood = "calm";\n');
    const second = await serve(cwd);
    const stale = await second.client.assistants.getSchemas("agent");
    expect(stale.input_schema?.properties).toEqual(NAMES_ONLY);
    expect(reasonsOf(second.cli, "agent")).toEqual([expect.stringContaining("aegra schemas")]);
  });

  test("has nothing to do where graphs say themselves what they take, and needs nothing for it", async () => {
    const cwd = await cliProject({
      "aegra.json": configOf({ agent: "./agent.ts:graph" }),
      "agent.ts": `import { StateGraph } from "@langchain/langgraph";
        import { z } from "zod";
        setInterval(() => undefined, 1000);
        export const graph = new StateGraph(z.object({ topic: z.string() }))
          .addNode("write", () => ({})).addEdge("__start__", "write").compile();`,
    });
    const { code, stdout } = await runCli({ cwd }, "schemas", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).data).toEqual({
      file: null,
      graphs: [{ graph_id: "agent", schemas: "graph", reason: null }],
    });
  });

  test("names a graph that is not there, and goes on", async () => {
    const cwd = await cliProject({ "aegra.json": configOf({ gone: "./gone.ts:graph" }) });
    const { code, stdout } = await runCli({ cwd }, "schemas", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      data: { graphs: [{ graph_id: "gone", schemas: "none", reason: expect.stringContaining("no file") }] },
      warnings: [expect.stringContaining("gone")],
    });
  });

  test("says what to install where it is missing", async () => {
    const cwd = await cliProject({
      "aegra.json": configOf({ agent: "./agent.ts:graph" }),
      "agent.ts": graphOf("return { value: '' };"),
    });
    const { code, stdout } = await runCli({ cwd }, "schemas", "--json");
    expect(code).toBe(3);
    expect(JSON.parse(stdout).error).toMatchObject({
      code: "SCHEMAS_UNREADABLE",
      hint: `Run: ${INSTALL}`,
    });
  });
});

describe("aegra dev", () => {
  test("reads types in the background, and again only when they change", async () => {
    const { cwd } = await annotationProject();
    const database = ["--database-url", await testDatabaseUrl()];
    const dev = startCli({ cwd }, "dev", "-p", "0", "--json", "--no-reload", ...database);
    const { assistants } = clientOf(await dev.event("ready"));
    // Answers at once with what there is, until there is more.
    const countOf = async () => (await assistants.getSchemas("counter")).input_schema?.properties?.["count"];
    expect(await countOf()).toBeDefined();
    while (!isDeepStrictEqual(await countOf(), { type: "number" })) await sleep(200);
    expect((await assistants.getSchemas("agent")).input_schema).toMatchObject({ properties: PROPERTIES });
    const file = path.join(cwd, ".aegra", "cache", "schemas.json");
    const written = await readFile(file, "utf8");
    await stop(dev);

    const again = startCli({ cwd }, "dev", "-p", "0", "--json", "--no-reload", ...database);
    const { assistants: sameAssistants } = clientOf(await again.event("ready"));
    expect((await sameAssistants.getSchemas("agent")).input_schema).toMatchObject({ properties: PROPERTIES });
    expect(await readFile(file, "utf8")).toBe(written);
    expect(again.stderr()).not.toContain("still being read");
  });

  test("says once what to install", async () => {
    const cwd = await cliProject({
      "aegra.json": configOf({ agent: "./agent.ts:graph" }),
      "agent.ts": graphOf("return { value: '' };"),
    });
    const database = ["--database-url", await testDatabaseUrl()];
    const dev = startCli({ cwd }, "dev", "-p", "0", "--json", ...database);
    const { assistants } = clientOf(await dev.event("ready"));
    await dev.text(INSTALL);
    for (const _ of [1, 2, 3]) {
      expect((await assistants.getSchemas("agent")).input_schema).toEqual({
        type: "object",
        properties: { value: {} },
      });
    }
    expect(dev.stderr().split(INSTALL)).toHaveLength(2);
  });

  test.skipIf(isWindows)("leaves nothing behind when the server is killed while it reads", async () => {
    const { cwd } = await annotationProject();
    const database = ["--database-url", await testDatabaseUrl()];
    const dev = startCli({ cwd }, "dev", "-p", "0", "--json", ...database);
    const { pid } = await dev.event("ready");
    let extractor: number | null = null;
    while (extractor === null) {
      extractor = childOf(Number(pid), "extractor-process");
      await sleep(20);
    }
    process.kill(Number(pid), "SIGKILL");
    while (isAlive(extractor)) await sleep(20);
  });
});

/** The process with this parent whose command line has this text. */
function childOf(parent: number, text: string): number | null {
  const lines = execFileSync("ps", ["-eo", "pid=,ppid=,args="], { encoding: "utf8" }).split("\n");
  for (const line of lines) {
    const [pid, ppid, ...args] = line.trim().split(/\s+/);
    if (Number(ppid) === parent && args.join(" ").includes(text)) return Number(pid);
  }
  return null;
}

describe("reading types", () => {
  const sourceOf = (root: string, exportName: string, file = "agent.ts") => ({
    graph_id: exportName,
    file: path.join(root, file),
    exportName,
  });

  test("is refused with the reason where TypeScript is one that cannot do it", async () => {
    const api = "node_modules/@langchain/langgraph-api";
    const root = await cliProject({
      "agent.ts": graphOf("return { value: '' };"),
      [`${api}/package.json`]:
        '{ "name": "@langchain/langgraph-api", "exports": { "./schema": "./schema.js" } }',
      [`${api}/schema.js`]: "",
      "node_modules/typescript/package.json": '{ "version": "7.0.2", "main": "version.js" }',
      "node_modules/typescript/version.js": 'exports.version = "7.0.2";',
    });
    const { signal } = new AbortController();
    const outcome = await runExtraction([sourceOf(root, "graph")], { root, timeoutMs: 100_000, signal });
    expect(outcome).toMatchObject({
      problem: "failed",
      reason: "@langchain/langgraph-api needs TypeScript 5, and the project has 7.0.2",
      suggestions: [expect.stringContaining("typescript@5.9.3")],
    });
  });

  test("has an end, after which the process is gone", async () => {
    const root = await installAnnotationProject();
    const { signal } = new AbortController();
    const outcome = await runExtraction([sourceOf(root, "graph")], { root, timeoutMs: 50, signal });
    expect(outcome).toMatchObject({ problem: "timed_out", reason: expect.stringContaining("0.05 s") });
    expect(childOf(process.pid, "extractor-process")).toBeNull();
  });

  test("of one graph does not fail because of another", async () => {
    const root = await installAnnotationProject();
    const { signal } = new AbortController();
    const sources = [sourceOf(root, "counter"), sourceOf(root, "nowhere", "state.ts")];
    const outcome = await runExtraction(sources, { root, timeoutMs: 170_000, signal });
    expect(outcome).toMatchObject({
      graphs: {
        counter: { error: null, schemas: { "": { state: { properties: { count: { type: "number" } } } } } },
        nowhere: { schemas: {}, error: expect.stringContaining("nowhere") },
      },
    });
  });
});
