import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { namesOf, parseFrames, post } from "../../support/wire.ts";

const GRAPHS = {
  slow: "slow.ts:graph",
  deaf: "slow.ts:deaf",
  steps: "steps.ts:graph",
  twice: "questions.ts:twice",
  failing: "failing.ts:graph",
};
const server = sharedServer({ graphs: GRAPHS });

const HI = { messages: [{ role: "user", content: "hi" }] };

type Client = typeof server.client;

async function startSlow({ client = server.client, graph = "slow", thread_id = "", payload = {} } = {}) {
  const gate = createGate();
  const threadId = thread_id || (await client.threads.create()).thread_id;
  const { run_id } = await client.runs.create(threadId, graph, {
    input: { ...HI, gate: gate.name },
    ...payload,
  });
  await gate.arrived;
  return { gate, thread_id: threadId, run_id };
}

const cancel = async (threadId: string, runId: string, query = "") => {
  const response = await post(`${server.url}/threads/${threadId}/runs/${runId}/cancel${query}`, {});
  return response.status;
};

const itemsOf = async (threadId: string, client: Client = server.client) => {
  const { values } = await client.threads.getState<{ items?: string[] }>(threadId);
  return values.items ?? null;
};

/** How many rows LangGraph's tables have of a thread. */
async function countCheckpoints(threadId: string): Promise<number> {
  const { rows } = await server.db.query<{ count: number }>(
    `select (select count(*) from checkpoints where thread_id = $1)::int
          + (select count(*) from checkpoint_blobs where thread_id = $1)::int
          + (select count(*) from checkpoint_writes where thread_id = $1)::int as count`,
    [threadId],
  );
  return rows[0]?.count ?? -1;
}

describe("a running run", () => {
  test.each(["slow", "deaf"])(
    "of a node that is %s ends as interrupted and keeps what it did",
    async (graph) => {
      const { client } = server;
      const { thread_id, run_id } = await startSlow({ graph });
      expect(await cancel(thread_id, run_id, "?wait=1")).toBe(204);

      expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
      expect(await client.threads.get(thread_id)).toMatchObject({
        status: "idle",
        error: null,
        interrupts: {},
        values: { messages: [{ content: "hi" }], items: ["before"] },
      });
      expect(await client.threads.getState(thread_id)).toMatchObject({
        next: ["work"],
        values: { items: ["before"] },
      });
    },
  );

  test("goes on from there with the next run that brings no input", async () => {
    const { gate, thread_id, run_id } = await startSlow();
    await cancel(thread_id, run_id, "?wait=1");
    gate.open();
    expect(await server.client.runs.wait(thread_id, "slow", { input: null })).toMatchObject({
      messages: [{ content: "hi" }],
      items: ["before", "work", "after"],
    });
  });

  test("is cancelled without waiting for it unless asked to: 202, and the end comes soon", async () => {
    const { client } = server;
    const { thread_id, run_id } = await startSlow();
    expect(await cancel(thread_id, run_id)).toBe(202);
    expect(await client.runs.join(thread_id, run_id)).toMatchObject({ items: ["before"] });
    expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  });

  test.each(["updates", "events"])("ends its stream of %s with its status", async (stream_mode) => {
    const gate = createGate();
    const { thread_id } = await server.client.threads.create();
    const response = await post(`${server.url}/threads/${thread_id}/runs/stream`, {
      assistant_id: "slow",
      input: { gate: gate.name },
      stream_mode: [stream_mode, "updates"],
    });
    await gate.arrived;
    const [run] = await server.client.runs.list(thread_id);
    await server.client.runs.cancel(thread_id, run?.run_id ?? "");
    const frames = parseFrames(await response.text());
    expect(new Set(namesOf(frames))).toEqual(new Set(["metadata", stream_mode, "updates", "end"]));
    expect(frames.at(-1)).toMatchObject({
      event: "end",
      data: { run_id: run?.run_id, status: "interrupted" },
    });
  });

  test("lets the next run of the thread begin", async () => {
    const { client } = server;
    const { thread_id, run_id } = await startSlow({ graph: "deaf" });
    const next = await client.runs.create(thread_id, "steps", { input: HI });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "busy" });
    await cancel(thread_id, run_id);
    expect(await client.runs.join(thread_id, next.run_id)).toMatchObject({
      items: ["before", "a", "b", "c"],
    });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });
});

describe("rollback of a running run", () => {
  test.each(["slow", "deaf"])("of a node that is %s removes it and everything it did", async (graph) => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    await client.runs.wait(thread_id, "steps", { input: HI });
    const before = {
      thread: await client.threads.get(thread_id),
      checkpoints: await countCheckpoints(thread_id),
    };
    const { run_id } = await startSlow({ graph, thread_id });
    await expect.poll(() => countCheckpoints(thread_id)).toBeGreaterThan(before.checkpoints);

    expect(await cancel(thread_id, run_id, "?wait=1&action=rollback")).toBe(204);
    await expect(client.runs.get(thread_id, run_id)).rejects.toMatchObject({ status: 404 });
    expect(await countCheckpoints(thread_id)).toBe(before.checkpoints);
    expect(await client.threads.get(thread_id)).toMatchObject({
      status: "idle",
      values: before.thread.values,
      interrupts: {},
      error: null,
    });
    expect(await itemsOf(thread_id)).toEqual(["a", "b", "c"]);
    expect(await client.runs.wait(thread_id, "steps", { input: {} })).toMatchObject({
      items: ["a", "b", "c", "a", "b", "c"],
    });
  });

  test("that is the first of its thread leaves the thread empty", async () => {
    const { client } = server;
    const { thread_id, run_id } = await startSlow();
    await cancel(thread_id, run_id, "?wait=1&action=rollback");
    expect(await countCheckpoints(thread_id)).toBe(0);
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle", interrupts: {} });
    expect(await client.threads.getState(thread_id)).toMatchObject({
      values: {},
      next: [],
      checkpoint: null,
    });
  });

  test("leaves a thread that had failed as it was", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    await client.runs.wait(thread_id, "failing", { input: HI, raiseError: false });
    const before = await client.threads.get(thread_id);
    const { run_id } = await startSlow({ thread_id });
    await cancel(thread_id, run_id, "?wait=1&action=rollback");
    const { status, values, error } = before;
    expect(await client.threads.get(thread_id)).toMatchObject({ status, values, error });
  });

  test("gives an interrupted thread its question back, and the next answer counts", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    const gate = createGate();
    await client.runs.wait(thread_id, "twice", { input: { gate: gate.name } });
    const before = await client.threads.get(thread_id);
    const { run_id } = await client.runs.create(thread_id, "twice", { command: { resume: "Ada" } });
    await gate.arrived;

    await cancel(thread_id, run_id, "?wait=1&action=rollback");
    expect(await client.threads.get(thread_id)).toMatchObject({
      status: "interrupted",
      interrupts: before.interrupts,
    });
    gate.open();
    await client.runs.wait(thread_id, "twice", { command: { resume: "Grace" } });
    const values = await client.runs.wait(thread_id, "twice", { command: { resume: "85" } });
    expect(values).toMatchObject({ items: ["Grace is 85", "confirmed"] });
  });
});

describe("writes that are still on their way when a run is stopped", () => {
  /** A server whose database takes its time with checkpoints that were made by a step. */
  async function slowDatabase() {
    const databaseUrl = await testDatabaseUrl();
    const slow = await testServer({ graphs: GRAPHS, databaseUrl });
    const { default: pg } = await import("pg");
    const db = new pg.Client({ connectionString: databaseUrl });
    await db.connect();
    await db.query(`
      create function take_time() returns trigger language plpgsql as $$
        begin perform pg_sleep(0.3); return new; end $$;
      create trigger take_time before insert on checkpoints for each row
        when (new.metadata ->> 'step' = '1') execute function take_time()`);
    await db.end();
    return slow;
  }

  test("are waited for: the thread's values are those of its state", async () => {
    const { client } = await slowDatabase();
    const { thread_id, run_id } = await startSlow({ client });
    await client.runs.cancel(thread_id, run_id, true);
    expect(await client.threads.get(thread_id)).toMatchObject({ values: { items: ["before"] } });
    expect(await itemsOf(thread_id, client)).toEqual(["before"]);
  });

  test("are rolled back with the others", async () => {
    const { client } = await slowDatabase();
    const { thread_id, run_id } = await startSlow({ client, graph: "deaf" });
    await client.runs.cancel(thread_id, run_id, true, "rollback");
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(await client.threads.getHistory(thread_id)).toEqual([]);
  });
});

describe("a run that has not begun", () => {
  async function startQueued() {
    const slow = await startSlow();
    const { run_id } = await server.client.runs.create(slow.thread_id, "steps", { input: HI });
    return { ...slow, queued: run_id };
  }

  test("ends at once as interrupted, and never runs", async () => {
    const { client } = server;
    const { gate, thread_id, run_id, queued } = await startQueued();
    const joined = client.runs.join(thread_id, queued);
    expect(await cancel(thread_id, queued, "?wait=1")).toBe(204);
    expect(await client.runs.get(thread_id, queued)).toMatchObject({ status: "interrupted" });
    await joined;
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "busy" });
    gate.open();
    expect(await client.runs.join(thread_id, run_id)).toMatchObject({ items: ["before", "work", "after"] });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });

  test("is gone after a rollback", async () => {
    const { client } = server;
    const { gate, thread_id, run_id, queued } = await startQueued();
    expect(await cancel(thread_id, queued, "?wait=1&action=rollback")).toBe(204);
    await expect(client.runs.get(thread_id, queued)).rejects.toMatchObject({ status: 404 });
    gate.open();
    expect(await client.runs.join(thread_id, run_id)).toMatchObject({ items: ["before", "work", "after"] });
  });

  test("leaves a thread that failed or waits for an answer as it was", async () => {
    const { client } = server;
    for (const [graph, status] of [
      ["failing", "error"],
      ["twice", "interrupted"],
    ] as const) {
      const { thread_id } = await client.threads.create();
      await client.runs.wait(thread_id, graph, { input: HI, raiseError: false });
      const before = await client.threads.get(thread_id);
      const { run_id } = await client.runs.create(thread_id, "steps", { input: HI, afterSeconds: 60 });
      await cancel(thread_id, run_id);
      expect(await client.threads.get(thread_id)).toMatchObject({
        status,
        values: before.values,
        interrupts: before.interrupts,
        error: before.error,
      });
    }
  });
});

test("a run that has ended stays as it is, whichever way it is cancelled", async () => {
  const { client } = server;
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "steps", { input: HI });
  await client.runs.join(thread_id, run_id);
  expect(await cancel(thread_id, run_id)).toBe(202);
  expect(await cancel(thread_id, run_id, "?wait=1&action=rollback")).toBe(204);
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
  expect(await itemsOf(thread_id)).toEqual(["a", "b", "c"]);
});

test("a run that is not there, or on another thread, is not found", async () => {
  const { thread_id } = await server.client.threads.create();
  const slow = await startSlow();
  expect(await cancel(thread_id, crypto.randomUUID())).toBe(404);
  expect(await cancel(thread_id, slow.run_id, "?wait=1")).toBe(404);
  slow.gate.open();
  expect(await server.client.runs.join(slow.thread_id, slow.run_id)).toMatchObject({
    items: ["before", "work", "after"],
  });
});

test("a run that was handed back, and so has begun, is rolled back with what it did", async () => {
  const first = await testServer({ graphs: GRAPHS });
  const { thread_id } = await first.client.threads.create();
  await first.client.runs.wait(thread_id, "steps", { input: HI });
  const { run_id } = await startSlow({ client: first.client, thread_id });
  await first.close();

  const { client } = await testServer({
    graphs: GRAPHS,
    databaseUrl: first.databaseUrl,
    environment: { jobsPerWorker: 0 },
  });
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "pending" });
  await client.runs.cancel(thread_id, run_id, true, "rollback");
  expect(await itemsOf(thread_id, client)).toEqual(["a", "b", "c"]);
  expect(await client.threads.get(thread_id)).toMatchObject({
    status: "idle",
    values: { items: ["a", "b", "c"] },
  });
});
