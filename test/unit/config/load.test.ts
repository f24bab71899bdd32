import { basename, join, resolve } from "node:path";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { makeProject } from "./make-project.ts";

const GRAPHS = { agent: "./src/agent.ts:graph" };

// The machine that runs the tests may have it set.
beforeEach(() => {
  vi.stubEnv("AEGRA_CONFIG", undefined);
  return () => vi.unstubAllEnvs();
});

async function load(content: object, name = "aegra.json") {
  return loadConfig({ cwd: await makeProject({ [name]: content }), configFile: name });
}

async function refusal(content: unknown, name = "aegra.json"): Promise<ConfigError> {
  const error = await load(content as object, name).catch((thrown: unknown) => thrown);
  if (error instanceof ConfigError) return error;
  throw new Error("expected a ConfigError", { cause: error });
}

describe("what a file means", () => {
  test("the smallest file is completed with the defaults", async () => {
    const cwd = await makeProject({ "aegra.json": { graphs: GRAPHS } });

    expect(await loadConfig({ cwd })).toEqual({
      file: join(cwd, "aegra.json"),
      asksForAuth: false,
      root: cwd,
      name: basename(cwd),
      graphs: {
        agent: {
          file: join(cwd, "src", "agent.ts"),
          exportName: "graph",
          description: null,
          maxConcurrency: null,
          written: "./src/agent.ts:graph",
        },
      },
      envFiles: [join(cwd, ".env")],
      envValues: {},
      isEnvNamed: false,
      cors: {
        allow_origins: ["*"],
        allow_origin_regex: null,
        allow_methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers: ["*"],
        allow_credentials: false,
        expose_headers: [],
        max_age_seconds: 600,
      },
      configurableHeaders: { includes: null, excludes: [] },
      store: { ttl: null },
      nodeLoader: "tsx",
      warnings: [],
    });
  });

  test.each([
    [{}, { includes: null, excludes: [] }],
    [
      { includes: ["x-*"], excludes: ["x-a"] },
      { includes: ["x-*"], excludes: ["x-a"] },
    ],
    [
      { include: ["x-*"], exclude: ["x-a"] },
      { includes: ["x-*"], excludes: ["x-a"] },
    ],
    [{ includes: [] }, { includes: [], excludes: [] }],
  ])("the headers %j for the configuration of runs are %j, in either spelling", async (written, read) => {
    const http = { configurable_headers: written };
    const cwd = await makeProject({ "aegra.json": { graphs: GRAPHS, http } });

    expect((await loadConfig({ cwd })).configurableHeaders).toEqual(read);
  });

  test("a full file is taken over, with paths resolved against its folder", async () => {
    const cwd = await makeProject({
      "app/aegra.json": {
        $schema: "./node_modules/aegra/aegra.schema.json",
        name: "support-desk",
        graphs: { "my.agent-1": { path: "../lib/a.js", description: "Answers.", max_concurrency: 4 } },
        env: ["../.env", "local.env"],
        node_loader: "./loader.mjs",
        http: { cors: { allow_origins: ["https://a.example"], allow_credentials: true, max_age: 0 } },
        store: { ttl: { default_ttl: 1.5, refresh_on_read: false } },
      },
    });

    const config = await loadConfig({ cwd, configFile: join("app", "aegra.json") });

    expect(config.name).toBe("support-desk");
    expect(config.graphs["my.agent-1"]).toEqual({
      file: join(cwd, "lib", "a.js"),
      exportName: "default",
      description: "Answers.",
      maxConcurrency: 4,
      written: "../lib/a.js",
    });
    expect(config.envFiles).toEqual([join(cwd, ".env"), join(cwd, "app", "local.env")]);
    expect(config.isEnvNamed).toBe(true);
    expect(config.nodeLoader).toBe(resolve(cwd, "app", "loader.mjs"));
    expect(config.cors).toMatchObject({
      allow_origins: ["https://a.example"],
      allow_credentials: true,
      max_age_seconds: 0,
    });
    expect(config.store.ttl).toEqual({ default_ttl_minutes: 1.5, refresh_on_read: false });
  });

  test("variables written in the file become text", async () => {
    const config = await load({ graphs: GRAPHS, env: { MODEL: "small", RETRIES: 3, VERBOSE: true } });

    expect(config.envFiles).toEqual([]);
    expect(config.envValues).toEqual({ MODEL: "small", RETRIES: "3", VERBOSE: "true" });
  });

  test("a pattern of origins closes the server to all others", async () => {
    const config = await load({
      graphs: GRAPHS,
      http: { cors: { allow_origin_regex: "https://.*\\.example\\.com" } },
    });

    expect(config.cors).toMatchObject({
      allow_origins: [],
      allow_origin_regex: "https://.*\\.example\\.com",
    });
  });

  test("a loader that is not a relative path stays the name of a module", async () => {
    expect((await load({ graphs: GRAPHS, node_loader: "@swc-node/register" })).nodeLoader).toBe(
      "@swc-node/register",
    );
  });

  test("nobody can change it, at any depth", async () => {
    const config = await load({ graphs: GRAPHS, env: [".env"] });

    expect(() => Object.assign(config.graphs, { other: null })).toThrow(TypeError);
    expect(() => Object.assign(config.graphs["agent"] ?? {}, { file: "" })).toThrow(TypeError);
    expect(() => (config.cors.allow_origins as string[]).push("x")).toThrow(TypeError);
  });

  test("a name that every object has is not a graph", async () => {
    expect((await load({ graphs: GRAPHS })).graphs["constructor"]).toBeUndefined();
  });

  test("AEGRA_CONFIG names the file unless one is given", async () => {
    const cwd = await makeProject({ "aegra.json": { graphs: GRAPHS }, "b.json": { graphs: GRAPHS } });
    vi.stubEnv("AEGRA_CONFIG", "b.json");

    expect((await loadConfig({ cwd })).file).toBe(join(cwd, "b.json"));
    expect((await loadConfig({ cwd, configFile: "aegra.json" })).file).toBe(join(cwd, "aegra.json"));
  });
});

describe("what is wrong with a file", () => {
  test.each([
    [{}, "graphs: expected an object, found nothing"],
    [[], "the file: expected an object, found an empty list"],
    [{ graphs: {} }, "graphs: expected at least one graph, found an empty object"],
    [{ graphs: { agent: 3 } }, "graphs.agent: expected a string or an object, found 3"],
    [{ graphs: { agent: { path: null } } }, "graphs.agent.path: expected a string, found null"],
    [{ graphs: { agent: {} } }, "graphs.agent.path: expected a string, found nothing"],
    [
      { graphs: { agent: "./a.ts:" } },
      'graphs.agent: expected the name of an export after the colon, found "./a.ts:"',
    ],
    [{ graphs: { agent: "a.py:x" } }, "Python graphs need the Python server"],
    [
      { graphs: { agent: { path: "a.py:x" } } },
      "graphs.agent.path: expected a JavaScript or TypeScript file",
    ],
    [{ graphs: { "my graph": "./a.ts" } }, 'graphs["my graph"]: expected a graph id of 1 to 64 letters'],
    [{ graphs: { "..": "./a.ts" } }, 'graphs[".."]: expected a graph id'],
    [{ graphs: { [`x${"y".repeat(64)}`]: "./a.ts" } }, "expected a graph id of 1 to 64"],
    [{ graphs: GRAPHS, name: " " }, 'name: expected a string that is not empty, found " "'],
    [{ graphs: GRAPHS, env: 5 }, "env: expected a string, a list or an object, found 5"],
    [{ graphs: GRAPHS, env: ["a", 5] }, "env[1]: expected a string, found 5"],
    [
      { graphs: GRAPHS, env: { A: {} } },
      "env.A: expected a string, a number or a boolean, found an empty object",
    ],
    [
      { graphs: GRAPHS, env: { "A=B": "1" } },
      'env["A=B"]: expected the name of an environment variable as the key',
    ],
    [
      { graphs: GRAPHS, http: { cors: { allow_origins: "*" } } },
      'http.cors.allow_origins: expected a list, found "*"',
    ],
    [
      { graphs: GRAPHS, http: { cors: { allow_origin_regex: "(" } } },
      'http.cors.allow_origin_regex: expected a regular expression, found "("',
    ],
    [
      { graphs: GRAPHS, http: { cors: { max_age: -1 } } },
      "http.cors.max_age: expected a number of seconds, 0 or more, found -1",
    ],
    [
      { graphs: GRAPHS, store: { ttl: { default_ttl: 0 } } },
      "store.ttl.default_ttl: expected a number of minutes above 0, found 0",
    ],
    [
      { graphs: GRAPHS, store: { ttl: { default_ttl: "5" } } },
      'store.ttl.default_ttl: expected a number, found "5"',
    ],
  ])("%j is refused with place, expectation and finding", async (content, message) => {
    expect((await refusal(content)).message).toContain(message);
  });

  test("a graph file that does not exist is not the configuration's mistake", async () => {
    await expect(load({ graphs: { agent: "./nowhere.ts:graph" } })).resolves.toBeDefined();
  });

  test("several problems are reported together, under the name of the file", async () => {
    const error = await refusal({ graphs: { agent: 3 }, http: { crs: {} }, name: 1 });

    const [first, ...problems] = error.message.split("\n");
    expect(first).toMatch(/aegra\.json has 3 problems:$/);
    expect(problems.sort()).toEqual([
      "  - graphs.agent: expected a string or an object, found 3",
      '  - http.crs is not a known key; did you mean "cors"?',
      "  - name: expected a string, found 1",
    ]);
    expect(error.suggestions).toEqual([expect.stringContaining("$schema")]);
  });

  test("a file that is not JSON is refused with line and column", async () => {
    const cwd = await makeProject({ "aegra.json": '{\n  "graphs": {},\n}' });

    await expect(loadConfig({ cwd })).rejects.toThrow(
      `${join(cwd, "aegra.json")} is not valid JSON: line 3, column 1`,
    );
  });
});

describe("keys without effect", () => {
  test.each([
    [{ grahps: GRAPHS }, 'grahps is not a known key; did you mean "graphs"?'],
    [
      { http: { cors: { allow_orgins: [] } } },
      'http.cors.allow_orgins is not a known key; did you mean "allow_origins"?',
    ],
    [
      { graphs: { agent: { path: "./a.ts", desc: "" } } },
      "graphs.agent.desc is not a known key; the keys here are path, description, max_concurrency",
    ],
    [{ cors: {} }, 'cors is not a known key; did you mean "http.cors"?'],
    [{ zzzzzzzz: 1 }, "zzzzzzzz is not a known key; the keys here are $schema, name, graphs, env"],
    [{ node_version: "20" }, "node_version has no effect here; remove it"],
    [
      { store: { index: { dims: 3 } } },
      "store.index has no effect here (semantic search is not available in this version); remove it",
    ],
  ])("%j is refused in aegra.json", async (content, message) => {
    expect((await refusal({ graphs: GRAPHS, ...content })).message).toContain(message);
  });

  test("in langgraph.json they are warnings and the rest of the file counts", async () => {
    const config = await load(
      {
        graphs: { agent: { path: "./a.ts", colour: "red" } },
        node_version: "20",
        dockerfile_lines: [],
        auth: { path: "./auth.ts:auth" },
        http: { app: "./app.ts:app", cors: { allow_origins: ["https://a.example"] } },
        store: { index: { dims: 3 }, ttl: { default_ttl: 5, sweep_interval_minutes: 1 } },
        nod_loader: "x",
      },
      "langgraph.json",
    );

    expect([...config.warnings].sort()).toEqual([
      "auth in langgraph.json has no effect yet: requests are not authenticated.",
      "dockerfile_lines in langgraph.json has no effect yet.",
      "graphs.agent.colour in langgraph.json is not known and has no effect; the keys here are path, description, max_concurrency",
      "http.app in langgraph.json has no effect yet.",
      'nod_loader in langgraph.json is not known and has no effect; did you mean "node_loader"?',
      "node_version in langgraph.json has no effect yet.",
      "store.index in langgraph.json has no effect yet: semantic search is not available in this version.",
      "store.ttl.sweep_interval_minutes in langgraph.json has no effect yet.",
    ]);
    expect(Object.keys(config.graphs)).toEqual(["agent"]);
    expect(config.cors.allow_origins).toEqual(["https://a.example"]);
    expect(config.store.ttl?.default_ttl_minutes).toBe(5);
  });

  test("a wrong value in langgraph.json is an error all the same", async () => {
    const error = await refusal({ graphs: { agent: "./a.py:x" }, python_version: "3.12" }, "langgraph.json");

    expect(error.message).toContain("Python graphs need the Python server");
    expect(error.message).not.toContain("python_version");
  });
});
