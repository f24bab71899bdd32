import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    failing: "failing.ts:graph",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

describe("a thread", () => {
  test("is created empty and idle, with the id and metadata that it was given", async () => {
    const threadId = crypto.randomUUID();
    const created = await server.client.threads.create({ threadId, metadata: { a: 1 }, graphId: "steps" });
    expect(created).toEqual({
      thread_id: threadId,
      created_at: expect.any(String),
      updated_at: expect.any(String),
      state_updated_at: expect.any(String),
      metadata: { a: 1, graph_id: "steps" },
      config: {},
      status: "idle",
      values: null,
      interrupts: {},
      error: null,
    });
    expect(await server.client.threads.get(threadId)).toEqual(created);
  });

  test("with an id that is taken is refused, or the one that is there, as the client likes", async () => {
    const { client } = server;
    const { thread_id: threadId } = await client.threads.create({ metadata: { first: true } });
    await expect(client.threads.create({ threadId })).rejects.toMatchObject({ status: 409 });
    const same = await client.threads.create({
      threadId,
      metadata: { second: true },
      ifExists: "do_nothing",
    });
    expect(same.metadata).toEqual({ first: true });
  });

  test("gets metadata merged into its own, and keeps when its state changed", async () => {
    const { client } = server;
    const before = await client.threads.create({ metadata: { a: 1, b: 1 } });
    const after = await client.threads.update(before.thread_id, { metadata: { b: 2, c: 3 } });
    expect(after.metadata).toEqual({ a: 1, b: 2, c: 3 });
    expect(after.state_updated_at).toBe(before.state_updated_at);
    expect(after.updated_at > before.updated_at).toBe(true);
  });

  test("that is not there is not found, whatever is asked of it", async () => {
    const { client } = server;
    const id = crypto.randomUUID();
    for (const ask of [
      () => client.threads.get(id),
      () => client.threads.update(id, { metadata: {} }),
      () => client.threads.delete(id),
      () => client.runs.list(id),
      () => client.runs.create(id, "steps", { input: HI }),
      () => client.runs.wait(id, "steps", { input: HI }),
      () => client.runs.stream(id, "steps", { input: HI }).next(),
    ]) {
      await expect(ask()).rejects.toMatchObject({ status: 404 });
    }
  });

  test("that is not there is made by a run that asks for it, once, however many do", async () => {
    const { client } = server;
    const id = crypto.randomUUID();
    const runs = await Promise.all(
      [1, 2, 3].map(() => client.runs.create(id, "steps", { input: HI, ifNotExists: "create" })),
    );
    const values = await Promise.all(runs.map(({ run_id }) => client.runs.join(id, run_id)));
    expect(values.map((value) => (value as unknown as { items: string[] }).items.length).toSorted()).toEqual([
      3, 6, 9,
    ]);
    expect(await client.threads.get(id)).toMatchObject({ thread_id: id, metadata: { graph_id: "steps" } });
  });

  test("is deleted with its runs and state, and a run in progress is stopped", async () => {
    const { client, db } = server;
    const gate = createGate();
    const { thread_id } = await client.threads.create();
    await client.runs.wait(thread_id, "steps", { input: HI });
    const { run_id } = await client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    // The headers come once the run is found, so the deletion cannot be faster.
    const waiting = await fetch(`${server.url}/threads/${thread_id}/runs/${run_id}/join`);
    await client.threads.delete(thread_id);
    await waiting.text();
    gate.open();
    await new Promise((resolve) => setTimeout(resolve, 100));
    for (const table of ["threads", "runs", "checkpoints", "checkpoint_writes", "checkpoint_blobs"]) {
      const { rows } = await db.query(`select 1 from ${table} where thread_id::text = $1`, [thread_id]);
      expect([table, rows]).toEqual([table, []]);
    }
  });
});

describe("the runs of a thread", () => {
  test("are listed newest first, in pages, by status, and with the fields that are asked for", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    const ids = [];
    for (const graph of ["steps", "failing", "steps"]) {
      const { run_id } = await client.runs.create(thread_id, graph, { input: HI });
      await client.runs.join(thread_id, run_id);
      ids.unshift(run_id);
    }
    const idsOf = async (options: object) =>
      (await client.runs.list(thread_id, options)).map(({ run_id }) => run_id);
    expect(await idsOf({})).toEqual(ids);
    expect(await idsOf({ limit: 1, offset: 1 })).toEqual([ids[1]]);
    expect(await idsOf({ status: "error" })).toEqual([ids[1]]);
    const [first] = await client.runs.list(thread_id, { select: ["run_id", "status"] });
    expect(first).toEqual({ run_id: ids[0], status: "success" });
  });

  test("can be deleted once they have ended; the state stays", async () => {
    const { client } = server;
    const gate = createGate();
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    await expect(client.runs.delete(thread_id, run_id)).rejects.toMatchObject({ status: 409 });
    gate.open();
    await client.runs.join(thread_id, run_id);
    await client.runs.delete(thread_id, run_id);
    await expect(client.runs.get(thread_id, run_id)).rejects.toMatchObject({ status: 404 });
    expect(await client.threads.get(thread_id)).toMatchObject({
      values: { items: ["before", "work", "after"] },
    });
  });
});
