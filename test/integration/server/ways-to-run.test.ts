import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { parseFrames, post, rawRequest } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
    settings: "settings.ts:graph",
  },
});

type Values = Record<string, unknown>;

/** Every way to create a run on a thread: its path, and how its answer leads to what the run left. */
const WAYS: readonly (readonly [path: string, read: (response: Response) => Promise<Values>])[] = [
  [
    "/runs",
    async (response) => {
      const { thread_id, run_id } = (await response.json()) as { thread_id: string; run_id: string };
      return (await server.client.runs.join(thread_id, run_id)) as Values;
    },
  ],
  ["/runs/wait", async (response) => (await response.json()) as Values],
  [
    "/runs/stream",
    async (response) => {
      const frames = parseFrames(await response.text());
      const failure = frames.find(({ event }) => event === "error")?.data;
      if (failure !== undefined) return { __error__: failure };
      return frames.findLast(({ event }) => event === "values")?.data as Values;
    },
  ],
];

const newThread = async () => (await server.client.threads.create()).thread_id;
const urlOf = (threadId: string, path = "/runs") => `${server.url}/threads/${threadId}${path}`;

describe.each(WAYS)("POST /threads/{id}%s", (path, read) => {
  const run = async (threadId: string, body: object) =>
    read(await post(urlOf(threadId, path), { assistant_id: "steps", input: {}, ...body }));

  /** A thread with a run at its gate. */
  async function busyThread() {
    const gate = createGate();
    const threadId = await newThread();
    const { run_id } = await server.client.runs.create(threadId, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    return { gate, threadId, running: run_id };
  }

  test.each<[string | undefined, string[], string[]]>([
    [undefined, ["before", "work", "after", "a", "b", "c"], ["success", "success"]],
    ["enqueue", ["before", "work", "after", "a", "b", "c"], ["success", "success"]],
    ["interrupt", ["before", "a", "b", "c"], ["success", "interrupted"]],
    ["rollback", ["a", "b", "c"], ["success"]],
  ])("on a busy thread with multitask_strategy %s", async (multitask_strategy, items, statuses) => {
    const { gate, threadId } = await busyThread();
    const values = run(threadId, { multitask_strategy });
    if (statuses[1] === "success") {
      await expect.poll(async () => (await server.client.runs.list(threadId)).length).toBe(2);
      gate.open();
    }
    expect(await values).toMatchObject({ items });
    expect((await server.client.runs.list(threadId)).map(({ status }) => status)).toEqual(statuses);
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle", values: { items } });
  });

  test("on a busy thread with multitask_strategy reject", async () => {
    const { gate, threadId, running } = await busyThread();
    const body = { assistant_id: "steps", input: {}, multitask_strategy: "reject" };
    expect((await post(urlOf(threadId, path), body)).status).toBe(409);
    expect(await server.client.runs.list(threadId)).toMatchObject([{ run_id: running, status: "running" }]);
    gate.open();
    await server.client.runs.join(threadId, running);
    expect(await run(threadId, body)).toMatchObject({ items: ["before", "work", "after", "a", "b", "c"] });
  });

  test("makes the thread when it may, once for several at the same time", async () => {
    const threadId = randomUUID();
    const answers = Array.from({ length: 3 }, () => run(threadId, { if_not_exists: "create" }));
    expect(await Promise.all(answers)).toHaveLength(3);
    expect((await server.client.threads.get(threadId)).values).toMatchObject({
      items: Array(9).fill(expect.anything()),
    });
  });

  test.each<[string, object, string[]]>([
    ["nothing else", {}, ["a", "b", "c"]],
    ["no command: null", { command: null }, ["a", "b", "c"]],
    ["a command that says nothing", { command: {} }, ["a", "b", "c"]],
    ["LangGraph's mark and an empty goto", { command: { lg_name: "Command", goto: [] } }, ["a", "b", "c"]],
    ["a command, which wins", { command: { goto: "c" } }, ["c"]],
  ])("with an input and %s", async (_, body, items) => {
    expect(await run(await newThread(), body)).toMatchObject({ items });
  });

  test("with a limit to the steps that is too low ends as an error", async () => {
    const values = await run(await newThread(), { config: { recursion_limit: 2 } });
    expect(values).toMatchObject({ __error__: { error: "GraphRecursionError" } });
    expect(await run(await newThread(), { config: { recursion_limit: 4 } })).toMatchObject({
      items: ["a", "b", "c"],
    });
  });

  test("has the tags of its assistant and its own, each once", async () => {
    const { assistant_id } = await server.client.assistants.create({
      graphId: "settings",
      config: { tags: ["both", "assistant"] },
    });
    const values = await run(await newThread(), { assistant_id, config: { tags: ["run", "both"] } });
    const { tags } = values["seen"] as { tags: string[] };
    expect(tags.filter((tag) => !tag.includes(":")).toSorted()).toEqual(["assistant", "both", "run"]);
  });

  test("has the context of its assistant, overridden key by key", async () => {
    const { assistant_id } = await server.client.assistants.create({
      graphId: "settings",
      context: { kept: 1, changed: 1 },
    });
    const values = await run(await newThread(), { assistant_id, context: { changed: 2 } });
    expect(values).toMatchObject({ seen: { context: { kept: 1, changed: 2 } } });
  });

  test("with null as input goes on at a breakpoint", async () => {
    const threadId = await newThread();
    await run(threadId, { interrupt_before: ["b"] });
    expect(await run(threadId, { input: null })).toMatchObject({ items: ["a", "b", "c"] });
  });

  test.each([
    [{ checkpoint_during: true }, 5],
    [{ checkpoint_during: false }, 1],
    [{ checkpoint_during: false, durability: "async" }, 5],
    [{ durability: "sync" }, 5],
    [{ durability: "exit" }, 1],
    [{}, 5],
  ])("with %j leaves %i checkpoints", async (body, count) => {
    const threadId = await newThread();
    await run(threadId, body);
    expect(await server.client.threads.getHistory(threadId)).toHaveLength(count);
  });
});

test.each(["stream", "wait"])(
  "a client of POST runs/%s that says nothing about it leaves its run going when it goes away",
  async (kind) => {
    const gate = createGate();
    const threadId = await newThread();
    const request = rawRequest(urlOf(threadId, `/runs/${kind}`), {
      method: "POST",
      body: { assistant_id: "slow", input: { gate: gate.name } },
    });
    await Promise.all([gate.arrived, request.status]);
    request.drop();
    const [run] = await server.client.runs.list(threadId);
    const runId = run?.run_id ?? "";
    gate.open();
    await server.client.runs.join(threadId, runId);
    expect((await server.client.runs.get(threadId, runId)).status).toBe("success");
  },
);

describe("a list of runs", () => {
  /** A thread with three runs that ended, one after the other: success, interrupted, error. */
  async function usedThread() {
    const threadId = await newThread();
    const runs: string[] = [];
    for (const body of [
      { input: {} },
      { input: {}, interrupt_before: ["b"] },
      { input: {}, config: { recursion_limit: 1 } },
    ]) {
      const response = await post(urlOf(threadId, "/runs"), { assistant_id: "steps", ...body });
      const { run_id } = (await response.json()) as { run_id: string };
      await server.client.runs.join(threadId, run_id);
      runs.unshift(run_id);
    }
    return { threadId, runs };
  }

  const listOf = async (threadId: string, query: string) =>
    (await (await fetch(urlOf(threadId, `/runs?${query}`))).json()) as { run_id: string }[];

  test("comes in pages that are the list together, newest first", async () => {
    const { threadId, runs } = await usedThread();
    const pages = await Promise.all(
      [0, 1, 2, 3].map((offset) => listOf(threadId, `limit=1&offset=${offset}`)),
    );
    expect(pages.map((page) => page.map(({ run_id }) => run_id))).toEqual([...runs.map((id) => [id]), []]);
  });

  test.each([
    ["error", 0],
    ["interrupted", 1],
    ["success", 2],
  ])("of those that are %s", async (status, place) => {
    const { threadId, runs } = await usedThread();
    expect((await listOf(threadId, `status=${status}`)).map(({ run_id }) => run_id)).toEqual([runs[place]]);
  });

  test.each([
    "select=run_id&select=status",
    `select=${encodeURIComponent('["run_id","status"]')}`,
    "select=run_id&select=status&select=langsmith_session_name",
  ])("has the fields that are asked for with %s", async (query) => {
    const { threadId, runs } = await usedThread();
    expect((await listOf(threadId, query)).at(-1)).toEqual({ run_id: runs[2], status: "success" });
  });
});
