import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { namesOf, post, streamFrames } from "../../support/wire.ts";

/** What other servers of the protocol get wrong, one test each: clients have learned to expect it, or suffer. */
const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    breakpoint: "steps.ts:breakpoint",
    slow: "slow.ts:graph",
    deaf: "slow.ts:deaf",
    settings: "settings.ts:graph",
    failing: "failing.ts:graph",
  },
});

const url = (path: string) => `${server.url}${path}`;

const newThread = async () => (await server.client.threads.create()).thread_id;

/** The refusal of a request, which has to name `field`. */
async function refusalOf(path: string, body: object) {
  const response = await post(url(path), body);
  return { status: response.status, message: ((await response.json()) as { message: string }).message };
}

describe("lists", () => {
  test("pages of runs have their size and order wherever they begin", async () => {
    const thread_id = await newThread();
    const made: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      made.unshift((await server.client.runs.create(thread_id, "steps", { input: {} })).run_id);
    }
    const page = async (offset: number) =>
      (await server.client.runs.list(thread_id, { limit: 2, offset })).map(({ run_id }) => run_id);
    expect(await page(0)).toEqual(made.slice(0, 2));
    expect(await page(1)).toEqual(made.slice(1, 3));
    expect(await page(2)).toEqual(made.slice(2));
    expect(await page(4)).toEqual([]);
  });

  test("the total of a search is that of all pages, and the next one is named while there is one", async () => {
    const name = randomUUID();
    for (let made = 0; made < 3; made++) await server.client.assistants.create({ graphId: "steps", name });
    const headersAt = async (offset: number) => {
      const { headers } = await post(url("/assistants/search"), { name, limit: 1, offset });
      return { total: headers.get("X-Pagination-Total"), next: headers.get("X-Pagination-Next") };
    };
    expect(await headersAt(0)).toEqual({ total: "3", next: "1" });
    expect(await headersAt(1)).toEqual({ total: "3", next: "2" });
    expect(await headersAt(2)).toEqual({ total: "3", next: null });
  });

  test("history goes on before a checkpoint that is named by its config, as the SDK's types have it", async () => {
    const thread_id = await newThread();
    await server.client.runs.wait(thread_id, "steps", { input: {} });
    const [newest, second] = await server.client.threads.getHistory(thread_id);
    const before = { configurable: { ...newest?.checkpoint } };
    const [first] = await server.client.threads.getHistory(thread_id, { before, limit: 1 });
    expect(first?.checkpoint).toEqual(second?.checkpoint);
  });

  test.each([
    ["a status that there is not", "?status=done", 422],
    ["a field that there is not", "?select=nothing", 422],
    ["a size of nothing", "?limit=0", 422],
  ])("of runs, %s is refused", async (_, query, status) => {
    const thread_id = await newThread();
    expect((await fetch(url(`/threads/${thread_id}/runs${query}`))).status).toBe(status);
  });

  test("of runs of a thread that there is not are not empty but not found", async () => {
    expect((await fetch(url(`/threads/${randomUUID()}/runs`))).status).toBe(404);
  });
});

describe("a cancel", () => {
  test("with wait=0 does not wait: 202, while the node goes on", async () => {
    const thread_id = await newThread();
    const gate = createGate();
    const { run_id } = await server.client.runs.create(thread_id, "deaf", { input: { gate: gate.name } });
    await gate.arrived;
    const response = await fetch(url(`/threads/${thread_id}/runs/${run_id}/cancel?wait=0`), {
      method: "POST",
    });
    expect(response.status).toBe(202);
    expect((await server.client.runs.get(thread_id, run_id)).status).toBe("running");
    gate.open();
    await server.client.runs.join(thread_id, run_id);
  });

  test("by rollback leaves neither the run nor its input, and no error", async () => {
    const thread_id = await newThread();
    const gate = createGate();
    const input = { messages: [{ role: "user", content: "undo me" }], gate: gate.name };
    const { run_id } = await server.client.runs.create(thread_id, "slow", { input });
    await gate.arrived;
    await server.client.runs.cancel(thread_id, run_id, true, "rollback");
    expect(await server.client.runs.list(thread_id)).toEqual([]);
    expect((await server.client.threads.getState(thread_id)).values).toEqual({});
    expect(await server.client.threads.get(thread_id)).toMatchObject({ status: "idle", error: null });
  });
});

describe("a wait", () => {
  test("for a graph that fails tells the error as an object, as JSON", async () => {
    const thread_id = await newThread();
    const response = await post(url(`/threads/${thread_id}/runs/wait`), {
      assistant_id: "failing",
      input: {},
    });
    expect(response.headers.get("Content-Type")).toBe("application/json");
    const { __error__ } = (await response.json()) as { __error__: { error: string; message: string } };
    expect(__error__).toEqual({ error: expect.any(String), message: expect.any(String) });
    expect(() => JSON.parse(__error__.message)).toThrow(SyntaxError);
  });

  test("answers with the values, whatever the run streams", async () => {
    const thread_id = await newThread();
    const body = { assistant_id: "steps", input: {}, stream_mode: ["custom"] };
    const response = await post(url(`/threads/${thread_id}/runs/wait`), body);
    expect(await response.json()).toMatchObject({ items: ["a", "b", "c"] });
  });
});

describe("a run", () => {
  test("on a thread that there is not is not found, unless it may make the thread", async () => {
    const thread_id = randomUUID();
    const body = { assistant_id: "steps", input: {} };
    expect((await post(url(`/threads/${thread_id}/runs`), body)).status).toBe(404);
    const making = { ...body, if_not_exists: "create" };
    const response = await post(url(`/threads/${thread_id}/runs/wait`), making);
    expect(await response.json()).toMatchObject({ items: ["a", "b", "c"] });
    expect((await server.client.threads.get(thread_id)).status).toBe("idle");
  });

  test("of an assistant that there is not leaves the thread free for another", async () => {
    const thread_id = await newThread();
    const { status } = await refusalOf(`/threads/${thread_id}/runs`, { assistant_id: "nobody", input: {} });
    expect(status).toBe(404);
    const { metadata, status: threadStatus } = await server.client.threads.get(thread_id);
    expect({ metadata, threadStatus }).toEqual({ metadata: {}, threadStatus: "idle" });
    expect(await server.client.runs.wait(thread_id, "steps", { input: {} })).toMatchObject({
      items: ["a", "b", "c"],
    });
  });

  test("has its metadata, its kwargs and its strategy on it, and its metadata in the graph", async () => {
    const thread_id = await newThread();
    const { run_id } = await server.client.runs.create(thread_id, "settings", {
      input: {},
      metadata: { ticket: 7, nested: { deep: true } },
      multitaskStrategy: "interrupt",
    });
    const { seen } = (await server.client.runs.join(thread_id, run_id)) as { seen: object };
    expect(seen).toMatchObject({ metadata: { ticket: 7 } });
    expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({
      metadata: { ticket: 7, nested: { deep: true } },
      kwargs: { stream_mode: ["values"], stream_resumable: false, durability: "async" },
      multitask_strategy: "interrupt",
    });
  });

  test("changes one key of the assistant's configuration and keeps the others", async () => {
    const { assistant_id } = await server.client.assistants.create({
      graphId: "settings",
      config: { configurable: { kept: 1, changed: 1 } },
    });
    const values = await server.client.runs.wait(null, assistant_id, {
      input: {},
      config: { configurable: { changed: 2 } },
    });
    expect(values).toMatchObject({ seen: { configurable: { kept: 1, changed: 2 } } });
  });

  test("with no input but null goes on at a breakpoint", async () => {
    const thread_id = await newThread();
    await server.client.runs.wait(thread_id, "breakpoint", { input: {} });
    expect((await server.client.threads.get(thread_id)).status).toBe("interrupted");
    expect(await server.client.runs.wait(thread_id, "breakpoint", { input: null })).toMatchObject({
      items: ["a", "b", "c"],
    });
  });

  test("starts at the checkpoint that checkpoint_id names", async () => {
    const thread_id = await newThread();
    await server.client.runs.wait(thread_id, "steps", { input: {} });
    const history = await server.client.threads.getHistory<{ items: string[] }>(thread_id);
    const afterA = history.find(({ next }) => next[0] === "b");
    await server.client.runs.wait(thread_id, "steps", {
      input: null,
      checkpointId: afterA?.checkpoint.checkpoint_id ?? "",
      config: { configurable: { mark: "fork" } },
    });
    const { values } = await server.client.threads.getState<{ items: string[] }>(thread_id);
    expect(values.items).toEqual(["a", "b", "fork"]);
  });

  test("with after_seconds is pending until its time comes", async () => {
    const thread_id = await newThread();
    const { run_id } = await server.client.runs.create(thread_id, "steps", { input: {}, afterSeconds: 3600 });
    // Whatever is created later and is due runs first, so the worker has looked by then.
    await server.client.runs.wait(null, "steps", { input: {} });
    expect((await server.client.runs.get(thread_id, run_id)).status).toBe("pending");
    await server.client.runs.cancel(thread_id, run_id, true);
  });

  test.each([
    ["durability", { durability: "exit" }],
    ["checkpoint_during", { checkpoint_during: false }],
  ])("that asks by %s for one checkpoint at its end has one", async (_, field) => {
    const thread_id = await newThread();
    const body = { assistant_id: "steps", input: {}, ...field };
    await (await post(url(`/threads/${thread_id}/runs/wait`), body)).text();
    expect(await server.client.threads.getHistory(thread_id)).toHaveLength(1);
  });

  test("gives every event an id, so that its stream can be resumed, whether or not that was asked for", async () => {
    const thread_id = await newThread();
    for (const stream_resumable of [true, false]) {
      const body = { assistant_id: "steps", input: {}, stream_resumable };
      const frames = await streamFrames(url(`/threads/${thread_id}/runs/stream`), body);
      expect(frames.every(({ id }) => id !== null)).toBe(true);
      expect(namesOf(frames).at(-1)).toBe("end");
    }
  });

  test("keeps two of one thread apart: the second waits for the first", async () => {
    const thread_id = await newThread();
    const gate = createGate();
    await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    const second = await server.client.runs.create(thread_id, "steps", { input: {} });
    await server.client.runs.wait(null, "steps", { input: {} });
    expect((await server.client.runs.get(thread_id, second.run_id)).status).toBe("pending");
    gate.open();
    expect(await server.client.runs.join(thread_id, second.run_id)).toMatchObject({
      items: ["before", "work", "after", "a", "b", "c"],
    });
  });
});

describe("what nobody could act on is refused by its name", () => {
  test.each<[string, object]>([
    ["stream", { stream: true }],
    ["stream_mode", { stream_mode: "telepathy" }],
    ["on_disconnect", { on_disconnect: "shrug" }],
    ["multitask_strategy", { multitask_strategy: "both" }],
    ["durability", { durability: "forever" }],
    ["if_not_exists", { if_not_exists: "maybe" }],
    ["webhook", { webhook: "https://example.com/done" }],
    ["after_seconds", { after_seconds: -1 }],
    ["command.teleport", { command: { teleport: "b" } }],
    ["config.configurable", { config: { configurable: "all" } }],
  ])("%s of a run", async (field, body) => {
    const thread_id = await newThread();
    const { status, message } = await refusalOf(`/threads/${thread_id}/runs`, {
      assistant_id: "steps",
      input: {},
      ...body,
    });
    expect(status).toBe(422);
    expect(message).toContain(field.split(".").at(-1));
  });

  test.each([
    ["the protocol of threads' event streams", "POST", "stream/events"],
    ["the protocol of threads' commands", "POST", "commands"],
  ])("%s, which is not served, tells nothing of a thread", async (_, method, path) => {
    const thread_id = await newThread();
    const response = await fetch(url(`/threads/${thread_id}/${path}`), { method, body: "{}" });
    expect(response.status).toBe(404);
  });
});
