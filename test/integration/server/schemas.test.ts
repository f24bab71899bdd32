import { beforeEach, describe, expect, test } from "vitest";
import type { LogLine } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

const UI = { type: "select", options: ["a", "b"] };

const NAMES = [
  ...["zod4", "zod3", "reduced", "messages", "stateSchema", "agent", "dated", "broken"],
  ...["annotated", "failingFactory", "workflow", "family"],
];

const log: LogLine[] = [];
const server = sharedServer({
  graphs: {
    ...Object.fromEntries(NAMES.map((name) => [name, `schemas.ts:${name}`])),
    javascript: "module.mjs:graph",
    script: "script.js:graph",
    factory: "factories.ts:fromBoth",
    missing: "nowhere.ts:graph",
  },
  logLines: log,
});

beforeEach(() => void log.splice(0));

/** What the log says is missing from a graph, and why. */
const missingOf = (graphId: string): string[] =>
  log
    .filter(({ msg }) => msg === "schemas incomplete")
    .map((line) => line as LogLine & { graphs: string[]; reason: string })
    .filter(({ graphs }) => graphs.includes(graphId))
    .map(({ reason }) => reason);

const schemasOf = (graphId: string) => server.client.assistants.getSchemas(graphId);

const CONTEXT = {
  type: "object",
  properties: {
    model: { type: "string", x_oap_ui_config: UI },
    tone: { type: "string", default: "kind", metadata: { x_oap_ui_config: UI } },
  },
};

describe("the schemas of a graph", () => {
  test("come from zod, with the keys that its metadata has", async () => {
    const schemas = await schemasOf("zod4");
    const properties = {
      topic: { type: "string", description: "What it is about." },
      notes: { type: "array", items: { type: "string" }, default: [] },
    };
    expect(schemas).toMatchObject({
      graph_id: "zod4",
      input_schema: { type: "object", properties },
      output_schema: { type: "object", properties, required: ["topic", "notes"] },
      state_schema: { type: "object", properties },
      config_schema: CONTEXT,
      context_schema: CONTEXT,
    });
    expect(schemas.input_schema).not.toHaveProperty("required");
    expect(missingOf("zod4")).toEqual([]);
  });

  test("come from zod 3", async () => {
    const properties = { topic: { type: "string", description: "What it is about." } };
    const { input_schema, output_schema } = await schemasOf("zod3");
    expect(input_schema).toMatchObject({ type: "object", properties });
    expect(output_schema).toMatchObject({ type: "object", properties, required: ["topic"] });
  });

  test("have what a reducer takes in the input, what it makes in the output, and what is registered in both", async () => {
    const { input_schema, output_schema } = await schemasOf("reduced");
    expect(input_schema?.properties).toEqual({ items: { type: "string", x_oap_ui_config: UI } });
    expect(output_schema?.properties).toEqual({
      items: { type: "array", items: { type: "string" }, x_oap_ui_config: UI },
    });
  });

  test.each(["messages", "stateSchema", "agent"])("of %s show which key is a conversation", async (name) => {
    const { input_schema, output_schema, state_schema } = await schemasOf(name);
    for (const schema of [input_schema, output_schema, state_schema]) {
      expect(schema?.properties?.["messages"]).toMatchObject({ langgraph_type: "messages" });
    }
    expect(missingOf(name)).toEqual([]);
  });

  test("come from a StateSchema, with the keys that its metadata has", async () => {
    const schemas = await schemasOf("stateSchema");
    expect(schemas).toMatchObject({
      input_schema: { properties: { topic: { x_oap_ui_config: UI }, items: { type: "string" } } },
      output_schema: { properties: { topic: { x_oap_ui_config: UI }, items: { type: "array" } } },
      state_schema: { required: ["topic"] },
      context_schema: CONTEXT,
    });
  });

  test("have the context of an agent", async () => {
    expect(await schemasOf("agent")).toMatchObject({ config_schema: CONTEXT, context_schema: CONTEXT });
  });

  test("leave open what JSON schema has no word for, and have the rest", async () => {
    const { input_schema, output_schema } = await schemasOf("dated");
    const properties = { at: { x_oap_ui_config: UI }, size: {}, topic: { type: "string" } };
    expect(input_schema).toEqual({ type: "object", properties });
    expect(output_schema).toEqual({ type: "object", properties, required: ["at", "size", "topic"] });
  });

  test("that cannot be made are only the names of the keys, and the log says so once", async () => {
    const names = { type: "object", properties: { topic: {} } };
    for (const _ of [1, 2]) {
      expect(await schemasOf("broken")).toEqual({
        graph_id: "broken",
        input_schema: names,
        output_schema: names,
        state_schema: names,
        config_schema: {},
        context_schema: {},
      });
    }
    expect(missingOf("broken")).toHaveLength(1);
  });

  test("of an Annotation are only the names of the keys without its types, and what zod says of the rest", async () => {
    const names = { type: "object", properties: { topic: {}, count: {} } };
    expect(await schemasOf("annotated")).toMatchObject({
      input_schema: names,
      output_schema: names,
      state_schema: names,
      context_schema: CONTEXT,
    });
    expect(missingOf("annotated")).toEqual([expect.stringContaining("aegra schemas")]);
  });

  test.each(["javascript", "script"])("of a graph in %s are the names of the keys", async (name) => {
    const { input_schema } = await schemasOf(name);
    expect(input_schema).toMatchObject({
      type: "object",
      properties: { messages: { langgraph_type: "messages" } },
    });
    expect(missingOf(name)).toEqual([expect.stringContaining("JavaScript")]);
  });

  test("of a function are empty", async () => {
    expect(await schemasOf("workflow")).toEqual({
      graph_id: "workflow",
      input_schema: {},
      output_schema: {},
      state_schema: {},
      config_schema: {},
      context_schema: {},
    });
    expect(missingOf("workflow")).toHaveLength(1);
  });

  test("that is made per request are those that the assistant's configuration makes", async () => {
    const { assistant_id } = await server.client.assistants.create({
      graphId: "failingFactory",
      config: { configurable: { user: "ada" } },
    });
    expect(await schemasOf(assistant_id)).toMatchObject({
      graph_id: "failingFactory",
      context_schema: CONTEXT,
    });
    expect((await schemasOf("factory")).input_schema?.properties).toHaveProperty("messages");
  });

  test("that cannot be made without a run are empty", async () => {
    expect(await schemasOf("failingFactory")).toMatchObject({ input_schema: {}, context_schema: {} });
    expect(missingOf("failingFactory")).toContainEqual(expect.stringContaining("nobody is logged in"));
  });

  test("that failed to load, or of no assistant, are refused", async () => {
    await expect(schemasOf("missing")).rejects.toMatchObject({ status: 422 });
    await expect(schemasOf(crypto.randomUUID())).rejects.toMatchObject({ status: 404 });
  });
});

describe("the subgraphs of a graph", () => {
  const subgraphsOf = (options: object = {}, graphId = "family") =>
    server.client.assistants.getSubgraphs(graphId, options);

  test("are listed with their schemas", async () => {
    const subgraphs = await subgraphsOf();
    expect(subgraphs).toEqual({
      child: {
        input_schema: { type: "object", properties: { topic: {}, count: {} } },
        output_schema: { type: "object", properties: { topic: {}, count: {} } },
        state_schema: { type: "object", properties: { topic: {}, count: {} } },
        config_schema: {},
        context_schema: {},
      },
    });
  });

  test("are listed with theirs when asked for", async () => {
    const subgraphs = await subgraphsOf({ recurse: true });
    expect(Object.keys(subgraphs)).toEqual(["child", "child|below"]);
    expect(subgraphs["child|below"]?.input_schema).toMatchObject({
      properties: { topic: { type: "string" } },
    });
    expect(Object.keys(await subgraphsOf({ recurse: false }))).toEqual(["child"]);
  });

  test("can be asked for by their place", async () => {
    expect(Object.keys(await subgraphsOf({ namespace: "child" }))).toEqual(["child"]);
    expect(Object.keys(await subgraphsOf({ namespace: "child|below", recurse: true }))).toEqual([
      "child|below",
    ]);
    const response = await fetch(`${server.url}/assistants/family/subgraphs/child%7Cbelow?recurse=true`);
    expect(Object.keys((await response.json()) as object)).toEqual(["child|below"]);
    expect(await subgraphsOf({ namespace: "child|below" })).toEqual({});
    expect(await subgraphsOf({ namespace: "nobody", recurse: true })).toEqual({});
  });

  test("are none where there is none", async () => {
    expect(await subgraphsOf({}, "zod4")).toEqual({});
    expect(await subgraphsOf({ recurse: true }, "workflow")).toEqual({});
  });

  test("of a graph that failed to load or cannot be made, or of no assistant, are refused", async () => {
    await expect(subgraphsOf({}, "missing")).rejects.toMatchObject({ status: 422 });
    await expect(subgraphsOf({}, "failingFactory")).rejects.toMatchObject({ status: 422 });
    await expect(subgraphsOf({}, crypto.randomUUID())).rejects.toMatchObject({ status: 404 });
    expect((await fetch(`${server.url}/assistants/family/subgraphs?recurse=maybe`)).status).toBe(422);
  });
});

describe("the drawing of a graph with subgraphs", () => {
  const nodesOf = async (xray: boolean | number) =>
    (await server.client.assistants.getGraph("family", { xray })).nodes.map(({ id }) => id);

  test("goes as deep as it is asked to", async () => {
    const child = ["child:above", "child:below"];
    expect(await nodesOf(false)).toEqual(["__start__", "before", "child", "__end__"]);
    expect(await nodesOf(0)).toEqual(["__start__", "before", "child", "__end__"]);
    expect(await nodesOf(1)).toEqual(["__start__", "before", ...child, "__end__"]);
    const grandchild = ["child:above", "child:below:deep", "child:below:deeper"];
    for (const xray of [2, 3, true]) {
      expect(await nodesOf(xray)).toEqual(["__start__", "before", ...grandchild, "__end__"]);
    }
  });

  test("connects the nodes of subgraphs with those around", async () => {
    const { edges } = await server.client.assistants.getGraph("family", { xray: true });
    expect(edges.map(({ source, target }) => `${source} > ${target}`)).toEqual(
      expect.arrayContaining([
        "before > child:above",
        "child:above > child:below:deep",
        "child:below:deep > child:below:deeper",
        "child:below:deeper > __end__",
      ]),
    );
  });
});
