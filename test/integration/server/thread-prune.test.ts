import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { HI, threadStates } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
    mounted: "nested.ts:mounted",
    partial: "partial.ts:graph",
    thirds: "partial.ts:thirds",
    remembering: "remembering.ts:graph",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf } = threadStates(server);

const keepLatest = (...ids: string[]) => server.client.threads.prune(ids, { strategy: "keep_latest" });

async function countRows(table: string, threadId: string): Promise<number> {
  const { rows } = await server.db.query(`select 1 from ${table} where thread_id::text = $1`, [threadId]);
  return rows.length;
}

describe("pruning deletes", () => {
  test("threads with their runs and state, and counts those that were there", async () => {
    const { client } = server;
    const ids = [await steppedThread(), await newThread()];
    expect(await client.threads.prune([...ids, ...ids, crypto.randomUUID()])).toEqual({ pruned_count: 2 });
    for (const threadId of ids) {
      await expect(client.threads.get(threadId)).rejects.toMatchObject({ status: 404 });
      for (const table of ["runs", "checkpoints", "checkpoint_writes", "checkpoint_blobs"]) {
        expect([table, await countRows(table, threadId)]).toEqual([table, 0]);
      }
    }
    expect(await client.threads.prune(ids)).toEqual({ pruned_count: 0 });
  });

  test("a thread with a run in progress too, and stops the run", async () => {
    const { client } = server;
    const gate = createGate();
    const threadId = await newThread();
    const { run_id } = await client.runs.create(threadId, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    const waiting = client.runs.join(threadId, run_id);
    await client.runs.get(threadId, run_id);
    expect(await client.threads.prune([threadId])).toEqual({ pruned_count: 1 });
    await waiting;
    gate.open();
  });

  test("at most a thousand at once", async () => {
    const thread_ids = Array.from({ length: 1001 }, () => crypto.randomUUID());
    expect((await post(`${server.url}/threads/prune`, { thread_ids })).status).toBe(422);
  });
});

describe("pruning to the latest state", () => {
  test("leaves that, and nothing that it does not need", async () => {
    const threadId = await steppedThread();
    await run(threadId, "steps", { input: HI });
    const [before, thread] = [await stateOf(threadId), await server.client.threads.get(threadId)];
    expect(await keepLatest(threadId)).toEqual({ pruned_count: 1 });

    expect(await stateOf(threadId)).toEqual({ ...before, parent_checkpoint: null });
    expect(await server.client.threads.get(threadId)).toEqual(thread);
    expect(await historyOf(threadId)).toHaveLength(1);
    expect(await countRows("checkpoints", threadId)).toBe(1);
    expect(await countRows("checkpoint_writes", threadId)).toBe(0);
    const { rows } = await server.db.query(
      "select count(*)::int as blobs, count(distinct channel)::int as channels from checkpoint_blobs where thread_id = $1",
      [threadId],
    );
    expect(rows[0].blobs).toBe(rows[0].channels);

    expect((await run(threadId, "steps", { input: HI })).items).toHaveLength(9);
  });

  test("leaves an open question, which can be answered, and the one after it", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    await run(threadId, "twice", { command: { resume: "Ada" } });
    const before = (await stateOf(threadId)).tasks;
    await keepLatest(threadId);
    expect(before).toMatchObject([{ interrupts: [{ value: { question: "age?" } }] }]);
    expect((await stateOf(threadId)).tasks).toEqual(before);
    const values = await run(threadId, "twice", { command: { resume: 36 } });
    expect(values.items).toEqual(["Ada is 36", "confirmed"]);
  });

  test("leaves the state of a subgraph that asks, and not that of one that is done", async () => {
    const threadId = await newThread();
    const ask = { input: { ...HI, order: "ask" } };
    await run(threadId, "mounted", ask);
    await run(threadId, "mounted", { command: { resume: "once" } });
    await run(threadId, "mounted", ask);
    const before = await server.client.threads.getState(threadId, undefined, { subgraphs: true });
    await keepLatest(threadId);

    const after = await server.client.threads.getState(threadId, undefined, { subgraphs: true });
    const [was, is] = [before.tasks[0]?.state, after.tasks[0]?.state];
    expect(is).toEqual({ ...was, parent_checkpoint: null });
    expect(await countRows("checkpoints", threadId)).toBe(2);
    const { items } = await run(threadId, "mounted", { command: { resume: "twice" } });
    expect(items.at(-1)).toBe("inner twice");
  });

  test("leaves the memory that a subgraph has of its own", async () => {
    const threadId = await newThread();
    await run(threadId, "remembering", { input: HI });
    await run(threadId, "remembering", { input: HI });
    await keepLatest(threadId);
    expect((await run(threadId, "remembering", { input: HI })).items).toEqual(["seen 1", "seen 2", "seen 3"]);
  });

  test.each([
    ["partial", "async"],
    ["partial", "exit"],
    ["thirds", "async"],
  ])(
    "of the graph %s, with durability %s, leaves the changes that its state is made of",
    async (graph, durability) => {
      const threadId = await newThread();
      type Trail = { readonly trail: string[] };
      const trailOf = async () => (await server.client.threads.getState<Trail>(threadId)).values.trail;
      const rounds = 3;
      for (let round = 0; round < rounds; round++) {
        await run(threadId, graph, { input: { trail: [`${round}`] }, durability });
        if (round < rounds - 1) await run(threadId, graph, { command: { resume: "yes" }, durability });
      }
      const before = await trailOf();
      expect(before).toEqual(["0", "a", "b", "yes", "1", "a", "b", "yes", "2", "a", "b"]);
      const length = await countRows("checkpoints", threadId);
      await keepLatest(threadId);

      expect(await trailOf()).toEqual(before);
      if (graph === "thirds") expect(await countRows("checkpoints", threadId)).toBeLessThan(length);
      await run(threadId, graph, { command: { resume: "no" }, durability });
      expect(await trailOf()).toEqual([...before, "no"]);
    },
  );

  test("passes over a busy thread, whose run can still be rolled back", async () => {
    const { client } = server;
    const gate = createGate();
    const threadId = await steppedThread();
    const { run_id } = await client.runs.create(threadId, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    expect(await keepLatest(threadId)).toEqual({ pruned_count: 0 });
    await client.runs.cancel(threadId, run_id, true, "rollback");
    gate.open();
    expect((await stateOf(threadId)).values.items).toEqual(["a", "b", "c"]);
    expect(await historyOf(threadId)).toHaveLength(5);
  });

  test("of a thread without state changes nothing", async () => {
    const threadId = await newThread();
    expect(await keepLatest(threadId, threadId)).toEqual({ pruned_count: 1 });
    expect(await historyOf(threadId)).toEqual([]);
  });
});
