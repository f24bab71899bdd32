import type { Command } from "@langchain/langgraph-sdk";
import { afterEach, describe, expect, test } from "vitest";
import { fillPath, ROUTES } from "../../support/protocol-routes.ts";
import type { LogLine } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

/** Pino's. */
const ERROR_LEVEL = 50;

const NOBODY = "01a20000-0000-7000-8000-000000000000";

const log: LogLine[] = [];
const server = sharedServer({
  graphs: {
    agent: "instant.ts:graph",
    nested: "instant.ts:nested",
    made: "instant.ts:made",
    endless: "instant.ts:endless",
  },
  environment: { maxBodyBytes: 2 ** 20 },
  logLines: log,
});

afterEach(() => {
  expect(log.filter(({ level }) => level >= ERROR_LEVEL)).toEqual([]);
});

/** @returns status and parsed body of the answer */
async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(`${server.url}${path}`, {
    method,
    headers: { "content-type": "application/json", ...headers },
    ...(body !== undefined && { body: typeof body === "string" ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: text === "" ? null : JSON.parse(text) };
}

const problem = (status: number, error: string, message: string | RegExp) => {
  const text = typeof message === "string" ? message : expect.stringMatching(message);
  return { status, body: { error, message: text, detail: text, details: null } };
};

const refused = (path: string, message: string | RegExp) => ({
  status: 422,
  body: {
    error: "validation_error",
    details: {
      issues: [{ path, message: typeof message === "string" ? message : expect.stringMatching(message) }],
    },
  },
});

const createThread = async () => `/threads/${(await server.client.threads.create()).thread_id}`;

/** A thread on which a graph has run. */
async function usedThread(graph = "agent", input: object = { text: "hello" }) {
  const path = await createThread();
  await send("POST", `${path}/runs/wait`, { assistant_id: graph, input });
  return path;
}

/** A thread with a run that goes on until it is cancelled. */
async function busyThread() {
  const path = await createThread();
  const { body } = await send("POST", `${path}/runs`, { assistant_id: "endless", input: {} });
  return { path, run: `${path}/runs/${body.run_id}` };
}

describe("what is not there", () => {
  const routes = Object.entries(ROUTES).filter(([route]) => route.includes(":"));

  test.each(routes)("%s answers 404 for ids of nothing", async (route, { leastBody = {} }) => {
    const [method = "", path = ""] = route.split(" ");
    const ids = {
      assistant_id: NOBODY,
      thread_id: NOBODY,
      run_id: NOBODY,
      checkpoint_id: NOBODY,
      namespace: "child",
    };
    const answer = await send(method, fillPath(path, ids), method === "GET" ? undefined : leastBody);
    expect(answer).toEqual(
      problem(404, "not_found", new RegExp(`^(Assistant|Thread|Run) '${NOBODY}' not found$`)),
    );
  });

  const inThread = routes.filter(([route]) => /thread_id\/.*:/.test(route));

  test.each(inThread)("%s answers 404 for what another thread has", async (route, { leastBody = {} }) => {
    const other = await usedThread();
    const { body: runs } = await send("GET", `${other}/runs`);
    const { body: state } = await send("GET", `${other}/state`);
    const [method = "", path = ""] = route.split(" ");
    const ids = {
      thread_id: (await usedThread()).replace("/threads/", ""),
      run_id: runs[0].run_id,
      checkpoint_id: state.checkpoint.checkpoint_id,
    };
    const answer = await send(method, fillPath(path, ids), method === "GET" ? undefined : leastBody);
    expect(answer).toMatchObject({ status: 404, body: { error: "not_found" } });
  });

  test.each([
    ["GET", "/nothing"],
    ["PATCH", "/threads"],
    ["POST", "/ok"],
    ["PROPFIND", "/threads"],
    ["GET", "/threads/"],
  ])("%s %s is no route, and the answer says so in our shape", async (method, path) => {
    expect(await send(method, path)).toEqual(problem(404, "not_found", `There is no ${method} ${path}`));
  });

  test("a run of an assistant, a graph or a version that there is not", async () => {
    const thread = await createThread();
    expect(await send("POST", `${thread}/runs`, { assistant_id: "nope" })).toEqual(
      problem(404, "not_found", "Assistant 'nope' not found"),
    );
    expect(await send("POST", "/assistants", { graph_id: "nope" })).toEqual(
      problem(
        404,
        "not_found",
        /Graph 'nope' not found\. The configuration has: agent, nested, made, endless/,
      ),
    );
    expect(await send("POST", "/assistants/agent/latest", { version: 99 })).toMatchObject({ status: 404 });
  });

  test("a checkpoint, wherever one can be named", async () => {
    const thread = await usedThread();
    const run = { assistant_id: "agent", input: {} };
    const requests: [string, object][] = [
      ["state", { values: {}, checkpoint_id: NOBODY }],
      ["state/checkpoint", { checkpoint: { checkpoint_id: NOBODY } }],
      ["runs", { ...run, checkpoint_id: NOBODY }],
      ["runs/wait", { ...run, checkpoint: { checkpoint_map: { "": NOBODY } } }],
      ["runs/stream", { ...run, checkpoint: { checkpoint_ns: "inner:1", checkpoint_map: { "": NOBODY } } }],
    ];
    for (const [path, body] of requests) {
      expect(await send("POST", `${thread}/${path}`, body), path).toEqual(
        problem(404, "not_found", new RegExp(`^Checkpoint of thread '.*' '${NOBODY}' not found$`)),
      );
    }
  });
});

describe("conflicts", () => {
  test("an id that is taken, unless the existing one is asked for", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    const { assistant_id } = await client.assistants.create({ graphId: "agent" });
    expect(await send("POST", "/threads", { thread_id })).toEqual(
      problem(409, "conflict", `Thread '${thread_id}' already exists`),
    );
    expect(await send("POST", "/assistants", { assistant_id, graph_id: "agent" })).toEqual(
      problem(409, "conflict", `Assistant '${assistant_id}' already exists`),
    );
    expect((await send("POST", "/threads", { thread_id, if_exists: "do_nothing" })).status).toBe(200);
  });

  test("an assistant that the configuration asks for cannot be deleted", async () => {
    expect(await send("DELETE", "/assistants/agent")).toEqual(
      problem(409, "conflict", /belongs to a graph of the configuration/),
    );
  });

  test("a busy thread: its state, another run that may not wait, and deleting the run", async () => {
    const { path, run } = await busyThread();
    expect(await send("POST", `${path}/state`, { values: { text: "x" } })).toEqual(
      problem(409, "conflict", /has a run in progress; wait for it or cancel it first/),
    );
    expect(
      await send("POST", `${path}/runs`, { assistant_id: "agent", multitask_strategy: "reject" }),
    ).toEqual(problem(409, "conflict", /has a run in progress; wait for it, or choose another/));
    expect(await send("DELETE", run)).toEqual(problem(409, "conflict", /is in progress; cancel it first/));
    expect((await send("POST", `${run}/cancel?wait=1`)).status).toBe(204);
    expect((await send("DELETE", run)).status).toBe(204);
  });
});

describe("what this server does not do is refused with its reason", () => {
  const run = { assistant_id: "agent" };
  test.each([
    ["/runs", { ...run, webhook: "http://localhost" }, "webhook", /webhooks are not supported/],
    ["/runs", { ...run, feedback_keys: ["like"] }, "feedback_keys", /set LANGSMITH_API_KEY/],
    ["/runs", { ...run, command: { graph: "__parent__" } }, "command.graph", /cannot leave its graph/],
    ["/runs", { ...run, checkpoint_id: NOBODY }, "checkpoint_id", /no history to start from/],
    ["/runs", { ...run, checkpoint: { checkpoint_id: NOBODY } }, "checkpoint", /no history to start from/],
    [`/threads/${NOBODY}/runs`, { ...run, on_completion: "delete" }, "on_completion", /stays: only 'keep'/],
  ])("POST %s %j", async (path, body, field, reason) => {
    expect(await send("POST", path, body)).toMatchObject(refused(field, reason));
  });
});

describe("a body that cannot be read", () => {
  test.each(["{", '{"metadata":', "nonsense", "{}{}"])("%s is not JSON", async (text) => {
    expect(await send("POST", "/threads", text)).toEqual(
      problem(400, "bad_request", /^The body is not JSON: /),
    );
  });

  test("one that is too large is a 413, and the connection goes on to serve", async () => {
    const text = "x".repeat(8 * 2 ** 20);
    const streamed = () => new Blob([text]).stream();
    for (const body of [text, streamed(), text, streamed()]) {
      const response = await fetch(`${server.url}/threads`, {
        method: "POST",
        body,
        duplex: "half",
      } as RequestInit);
      expect(response.status).toBe(413);
      expect(await response.json()).toMatchObject({
        error: "payload_too_large",
        message: "The body is larger than 1.0 MiB; HTTP_MAX_REQUEST_BODY_BYTES sets the limit",
      });
      expect((await fetch(`${server.url}/ok`)).status).toBe(200);
    }
  });

  test("one that comes in pieces and is not too large is taken", async () => {
    const body = new Blob(['{"metadata":', '{"a":1}}']).stream();
    const response = await fetch(`${server.url}/threads`, {
      method: "POST",
      body,
      duplex: "half",
    } as RequestInit);
    expect(await response.json()).toMatchObject({ metadata: { a: 1 } });
  });

  test("one that breaks off is the client's fault, and no alarm", async () => {
    const before = log.length;
    const leave = new AbortController();
    const body = new ReadableStream({ start: (stream) => stream.enqueue(new TextEncoder().encode("{")) });
    const request = fetch(`${server.url}/threads`, {
      method: "POST",
      body,
      duplex: "half",
      signal: leave.signal,
    } as RequestInit);
    setTimeout(() => leave.abort(), 50);
    await expect(request).rejects.toThrow();
    // Answered after the server has seen the other connection close.
    await fetch(`${server.url}/health`);
    expect(log.slice(before)).toEqual([]);
  });
});

describe("a run", () => {
  test.each([1, "text", true, [], [1], null])(
    "whose input %j is not what its graph takes ends with the graph's reason",
    async (input) => {
      const thread = await createThread();
      const answer = await send("POST", `${thread}/runs/wait`, { assistant_id: "agent", input });
      expect(answer).toMatchObject({
        status: 200,
        body: {
          __error__: {
            error: expect.stringMatching(/^(InvalidUpdate|EmptyInput)Error$/),
            message: expect.stringContaining("__start__"),
          },
        },
      });
      expect((await send("GET", `${thread}/runs`)).body[0].status).toBe("error");
    },
  );

  test.each<[string, object]>([
    ["interrupt_before", { interrupt_before: ["first", "nope"] }],
    ["interrupt_after", { interrupt_after: ["nope"] }],
    ["command.goto", { command: { goto: "nope" } satisfies Command }],
    ["command.goto", { command: { goto: [{ node: "nope", input: {} }, "first"] } }],
  ])("that names a node in %s which its graph does not have is refused", async (field, request) => {
    const thread = await createThread();
    expect(await send("POST", `${thread}/runs`, { assistant_id: "agent", ...request })).toMatchObject(
      refused(field, "graph 'agent' has no node 'nope'; its nodes are first, second"),
    );
    expect((await send("GET", `${thread}/runs`)).body).toEqual([]);
  });

  test("of a graph that is made for each request may name the nodes that this one has", async () => {
    const thread = await createThread();
    const run = (node: string) => ({
      assistant_id: "made",
      input: {},
      config: { configurable: { node: "mine" } },
      interrupt_before: [node],
    });
    expect(await send("POST", `${thread}/runs/wait`, run("only"))).toMatchObject(
      refused("interrupt_before", "graph 'made' has no node 'only'; its nodes are mine"),
    );
    expect((await send("POST", `${thread}/runs/wait`, run("mine"))).status).toBe(200);
    expect((await send("GET", `${thread}/state`)).body.next).toEqual(["mine"]);
  });

  test("may go to the end, and stop before all nodes", async () => {
    const thread = await createThread();
    const end = { assistant_id: "agent", command: { goto: "__end__", update: { text: "over" } } };
    expect((await send("POST", `${thread}/runs/wait`, end)).status).toBe(200);
    const stop = { assistant_id: "agent", input: {}, interrupt_before: "*" };
    expect((await send("POST", `${thread}/runs/wait`, stop)).status).toBe(200);
    expect((await send("GET", `${thread}/state`)).body.next).toEqual(["first"]);
  });

  test("cannot start in a subgraph without saying where the graph around it starts", async () => {
    const thread = await usedThread("nested");
    const checkpoint = { checkpoint_ns: "inner:1" };
    expect(await send("POST", `${thread}/runs`, { assistant_id: "nested", checkpoint })).toMatchObject(
      refused("checkpoint.checkpoint_map", /must name the checkpoint of the graph itself/),
    );
  });

  test.each([
    ["command.update", { command: { update: [1] } }],
    ["command.update", { command: { update: { "a\\b": 1 } } }],
    ["command.update", { command: { update: [["__pregel_tasks", 1]] } }],
    ["config.configurable", { config: { configurable: { __pregel_read: 1 } } }],
    ["config.recursion_limit", { config: { recursion_limit: 1e6 } }],
    ["after_seconds", { after_seconds: 1e12 }],
    ["stream_mode", { stream_mode: ["values", "nope"] }],
    ["interrupt_before", { interrupt_before: "first" }],
    ["input.it", { input: { it: { lc: 1, type: "constructor", id: ["langchain_core", "tools", "X"] } } }],
  ])("is refused for its %s: %j", async (field, request) => {
    expect(await send("POST", "/runs", { assistant_id: "agent", ...request })).toMatchObject(
      refused(field, /./),
    );
  });

  test("with a number that JSON can write and nobody can hold is refused", async () => {
    expect(await send("POST", "/runs", '{"assistant_id":"agent","input":{"n":1e400}}')).toMatchObject(
      refused("input.n", "is a number that is too large"),
    );
  });
});

describe("an update of the state", () => {
  test("needs a graph", async () => {
    expect(await send("POST", `${await createThread()}/state`, { values: { text: "x" } })).toEqual(
      problem(422, "validation_error", /has no graph yet: run an assistant on it first/),
    );
  });

  test.each([
    [{ as_node: "nope", values: {} }, "as_node", /no node 'nope'; its nodes are first, second/],
    [{ as_node: "toString", values: {} }, "as_node", /no node 'toString'/],
    [{ values: { messages: 42 } }, "values", /Unable to coerce message/],
    [{ values: { messages: [{ type: "remove", id: "nope" }] } }, "values", /doesn't exist/],
    [{ values: { messages: null } }, "values", /./],
    [{ values: [1] }, "values", /expected an object, a list of objects, or,/],
    [{ values: {}, checkpoint: { checkpoint_ns: "nope:1" } }, "checkpoint.checkpoint_ns", /"nope" not found/],
  ])("that the graph refuses says why: %j", async (update, field, reason) => {
    const thread = await usedThread();
    expect(await send("POST", `${thread}/state`, update)).toMatchObject(refused(field, reason));
    expect((await send("GET", `${thread}/state`)).body.values.items).toEqual(["first", "second"]);
  });
});

describe("the store", () => {
  const item = { namespace: ["notes"], key: "one", value: {} };

  test.each([
    [{ namespace: [] }, "namespace", /at least one label/],
    [{ namespace: ["a.b"] }, "namespace", /period/],
    [{ namespace: ["a:b"] }, "namespace", /colon/],
    [{ namespace: ["langgraph"] }, "namespace", /reserved/],
    [{ namespace: Array(101).fill("a") }, "namespace", /<=100 items/],
    [{ namespace: ["x".repeat(1501)] }, "namespace", /at most 1500 bytes/],
    [{ key: "" }, "key", /empty/],
    [{ key: "🐘".repeat(251) }, "key", /at most 1000 bytes/],
    [{ ttl: -1 }, "ttl", />=0/],
    [{ value: [] }, "value", /expected record/],
  ])("refuses an item with %j", async (change, field, reason) => {
    expect(await send("PUT", "/store/items", { ...item, ...change })).toMatchObject(refused(field, reason));
  });

  test("takes the longest key and namespace that there may be, whatever their letters", async () => {
    const letters = (count: number) =>
      String.fromCodePoint(
        ...Array.from({ length: count }, (_, index) => 0x4e00 + ((index * 7919) % 20_000)),
      );
    const largest = { ...item, namespace: [letters(500)], key: letters(333) };
    expect((await send("PUT", "/store/items", largest)).status).toBe(204);
  });

  test.each([
    [{ a: { $in: [1] } }, "filter.a", /operator '\$in' is not known; there are \$eq/],
    [{ a: { $gt: 1, b: 2 } }, "filter.a", /operator 'b' is not known/],
    [{ a: { $gt: { $lt: 1 } } }, "filter.a", /needs a number or a string/],
    [{ a: { $lt: null } }, "filter.a", /needs a number or a string/],
    [Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`f${n}`, n])), "filter", /more than 100/],
  ])("refuses the filter %j", async (filter, field, reason) => {
    expect(await send("POST", "/store/items/search", { filter })).toMatchObject(refused(field, reason));
  });

  test("compares a field only with values of its own type", async () => {
    for (const [key, n] of Object.entries({ number: 5, text: "5", none: null, list: [5] })) {
      await send("PUT", "/store/items", { namespace: ["typed"], key, value: { n } });
    }
    const find = async (n: unknown) => {
      const { body } = await send("POST", "/store/items/search", {
        namespace_prefix: ["typed"],
        filter: { n },
      });
      return body.items.map(({ key }: { key: string }) => key);
    };
    expect(await find(5)).toEqual(["number"]);
    expect(await find("5")).toEqual(["text"]);
    expect(await find({ $gte: 1 })).toEqual(["number"]);
    expect(await find({ $gte: "1" })).toEqual(["text"]);
    expect(await find(null)).toEqual(["none"]);
  });
});

describe("a query or header", () => {
  test.each([
    ["limit=0", "limit"],
    ["limit=1001", "limit"],
    ["limit=1&limit=2", "limit"],
    ["limit=1e3", "limit"],
    ["offset=-1", "offset"],
    ["status=nope", "status"],
    ["select=[", "select"],
    ["select=nope", "select.0"],
  ])("%s is refused by its name", async (query, field) => {
    expect(await send("GET", `${await createThread()}/runs?${query}`)).toMatchObject(refused(field, /./));
  });

  test("that nobody asked for is refused by its name", async () => {
    const { status, body } = await send("GET", `${await createThread()}/state?nope=1`);
    expect(status).toBe(422);
    expect(body.message).toBe('Invalid query: Unrecognized key: "nope"');
  });

  test.each(["x", "-2", "1.5", "1, 2"])("Last-Event-ID: %s is refused", async (id) => {
    expect(await send("GET", `/runs/${NOBODY}/stream`, undefined, { "last-event-id": id })).toMatchObject(
      refused("Last-Event-ID", /event ids/),
    );
  });
});

test("a thread whose values look like an object that cannot be made can still be read", async () => {
  const message = {
    lc: 1,
    type: "constructor",
    id: ["nowhere", "HumanMessage"],
    kwargs: { content: "hello" },
  };
  const thread = await usedThread("agent", { text: message });
  expect((await send("GET", `${thread}/state`)).body.values.text).toMatchObject(message);
  expect((await send("POST", `${thread}/history`, {})).status).toBe(200);
  expect((await send("GET", `${thread}/runs`)).body[0].status).toBe("success");
});
