import { describe, expect, test } from "vitest";
import { defaultAssistantId } from "../../../src/server/domain/assistant.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

const GRAPHS = {
  steps: "steps.ts:graph",
  slow: "slow.ts:graph",
  failing: "failing.ts:graph",
  twice: "questions.ts:twice",
  restless: "restless.ts:graph",
};
const server = sharedServer({ graphs: GRAPHS });

const HI = { messages: [{ role: "user", content: "hi" }] };

const newThread = async (): Promise<string> => (await server.client.threads.create()).thread_id;

describe("a thread", () => {
  test("is busy while a run is pending or running, and idle with its values after it", async () => {
    const { client } = server;
    const threadId = await newThread();
    const gate = createGate();
    const run = await client.runs.create(threadId, "slow", { input: { gate: gate.name } });
    expect(await client.threads.get(threadId)).toMatchObject({ status: "busy", values: null });
    await gate.arrived;
    const queued = await client.runs.create(threadId, "steps", { input: HI });
    gate.open();
    await client.runs.join(threadId, run.run_id);
    await client.runs.join(threadId, queued.run_id);
    expect(await client.threads.get(threadId)).toMatchObject({
      status: "idle",
      values: { items: ["before", "work", "after", "a", "b", "c"] },
      interrupts: {},
      error: null,
    });
  });

  test("stays busy after a run when another one is waiting", async () => {
    const { client } = server;
    const threadId = await newThread();
    const later = await client.runs.create(threadId, "steps", { input: HI, afterSeconds: 60 });
    await client.runs.wait(threadId, "steps", { input: HI });
    expect(await client.threads.get(threadId)).toMatchObject({
      status: "busy",
      values: { items: ["a", "b", "c"] },
    });
    await client.runs.cancel(threadId, later.run_id, true);
    expect(await client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });

  test("tells why its run failed, keeps what was done, and forgets the error with the next success", async () => {
    const { client } = server;
    const threadId = await newThread();
    await client.runs.wait(threadId, "failing", { input: HI, raiseError: false });
    expect(await client.threads.get(threadId)).toMatchObject({
      status: "error",
      error: { error: "KaboomError", message: "kaboom" },
      values: { items: ["before"] },
    });
    await client.runs.wait(threadId, "failing", { input: { order: "succeed" } });
    expect(await client.threads.get(threadId)).toMatchObject({
      status: "idle",
      error: null,
      values: { items: ["before", "before", "succeeded"] },
    });
  });

  test("shows the question of its graph by task until it is answered", async () => {
    const { client } = server;
    const threadId = await newThread();
    await client.runs.wait(threadId, "twice", { input: HI });
    const asked = await client.threads.get(threadId);
    expect(asked).toMatchObject({ status: "interrupted", error: null });
    const [interrupts] = Object.values(asked.interrupts);
    expect(interrupts).toMatchObject([{ value: { question: "name?" } }]);
    const { tasks } = await client.threads.getState(threadId);
    expect(Object.keys(asked.interrupts)).toEqual(tasks.map(({ id }) => id));

    await client.runs.wait(threadId, "twice", { command: { resume: "Ada" } });
    await client.runs.wait(threadId, "twice", { command: { resume: "36" } });
    expect(await client.threads.get(threadId)).toMatchObject({
      status: "idle",
      interrupts: {},
      values: { items: ["Ada is 36", "confirmed"] },
    });
  });

  test("remembers the assistant and the graph that it was last used with, and keeps its other metadata", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create({ metadata: { mine: true } });
    await client.runs.wait(thread_id, "steps", { input: HI });
    const assistant_id = defaultAssistantId("steps");
    const stamped = { mine: true, graph_id: "steps", assistant_id };
    expect((await client.threads.get(thread_id)).metadata).toEqual(stamped);
    const other = await client.assistants.create({ graphId: "slow" });
    await client.runs.wait(thread_id, other.assistant_id, { input: { ms: 0 } });
    expect((await client.threads.get(thread_id)).metadata).toEqual({
      mine: true,
      graph_id: "slow",
      assistant_id: other.assistant_id,
    });
  });

  test("tells when its state changed last, which a change of its metadata is not", async () => {
    const { client } = server;
    const { thread_id, state_updated_at } = await client.threads.create();
    await client.runs.wait(thread_id, "steps", { input: HI });
    const after = await client.threads.get(thread_id);
    expect(after.state_updated_at > state_updated_at).toBe(true);
    const changed = await client.threads.update(thread_id, { metadata: { a: 1 } });
    expect(changed.state_updated_at).toBe(after.state_updated_at);
  });
});

test.each(["status", "state_updated_at"] as const)(
  "a search sorts by %s in both directions",
  async (sortBy) => {
    const { client } = server;
    const mark = crypto.randomUUID();
    for (const graph of ["failing", "steps", "twice"]) {
      const { thread_id } = await client.threads.create({ metadata: { mark } });
      await client.runs.wait(thread_id, graph, { input: HI, raiseError: false });
    }
    const search = async (sortOrder: "asc" | "desc") =>
      (await client.threads.search({ metadata: { mark }, sortBy, sortOrder })).map(
        (thread) => thread[sortBy],
      );
    const sorted = (await search("asc")).toSorted();
    expect(new Set(sorted).size).toBe(3);
    expect(await search("asc")).toEqual(sorted);
    expect(await search("desc")).toEqual(sorted.toReversed());
  },
);

test("many metadata changes at once are all kept", async () => {
  const { client } = server;
  const threadId = await newThread();
  const keys = Array.from({ length: 10 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => client.threads.update(threadId, { metadata: { [key]: 1 } })));
  expect(Object.keys((await client.threads.get(threadId)).metadata ?? {}).toSorted()).toEqual(keys);
});

describe("deleting a thread whose run is writing checkpoint after checkpoint", () => {
  const tables = ["threads", "runs", "checkpoints", "checkpoint_blobs", "checkpoint_writes"];

  /** Tables that still have rows of a thread. */
  async function leftovers({ db }: Pick<typeof server, "db">, threadId: string): Promise<string[]> {
    const found = [];
    for (const table of tables) {
      const { rows } = await db.query(`select 1 from ${table} where thread_id::text = $1 limit 1`, [
        threadId,
      ]);
      if (rows.length > 0) found.push(table);
    }
    return found;
  }

  const startRestless = async (client: typeof server.client, threadId: string) => {
    const config = { recursion_limit: 5000 };
    const { run_id } = await client.runs.create(threadId, "restless", {
      input: HI,
      config,
      streamMode: "updates",
    });
    await expect
      .poll(() => leftovers(server, threadId), { interval: 5, timeout: 10_000 })
      .toContain("checkpoint_blobs");
    return run_id;
  };

  test("leaves nothing of it", async () => {
    const { client } = server;
    for (let round = 0; round < 5; round++) {
      const threadId = await newThread();
      await startRestless(client, threadId);
      await client.threads.delete(threadId);
      await expect.poll(() => leftovers(server, threadId), { timeout: 5000 }).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await leftovers(server, threadId)).toEqual([]);
    }
  });

  test("leaves nothing of it when another server executes it", async () => {
    const { client: other } = await testServer({ graphs: GRAPHS, databaseUrl: server.databaseUrl });
    for (let round = 0; round < 4; round++) {
      const threadId = await newThread();
      await startRestless(other, threadId);
      await server.client.threads.delete(threadId);
      await expect.poll(() => leftovers(server, threadId), { timeout: 5000 }).toEqual([]);
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect(await leftovers(server, threadId)).toEqual([]);
    }
  });
});
