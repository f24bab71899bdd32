import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: { steps: "steps.ts:graph", slow: "slow.ts:graph", settings: "settings.ts:graph" },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

async function countRows(table: "runs" | "threads"): Promise<number> {
  const { rows } = await server.db.query<{ count: number }>(`select count(*)::int as count from ${table}`);
  return rows[0]?.count ?? -1;
}

describe("a batch", () => {
  test("creates its runs, each on a thread of its own, and answers with them in its order", async () => {
    const runs = await server.client.runs.createBatch([
      { assistantId: "steps", input: HI, onCompletion: "keep" as "complete", metadata: { place: 1 } },
      { assistantId: "steps", input: HI, onCompletion: "keep" as "complete", metadata: { place: 2 } },
    ]);

    expect(runs.map(({ metadata, status }) => [metadata?.["place"], status])).toEqual([
      [1, "pending"],
      [2, "pending"],
    ]);
    expect(new Set(runs.map(({ thread_id }) => thread_id)).size).toBe(2);
    for (const { thread_id, run_id } of runs) {
      expect(await server.client.runs.join(thread_id, run_id)).toMatchObject({ items: ["a", "b", "c"] });
    }
  });

  test("takes the fields of the protocol as well as those of the SDK, which sends its own spelling", async () => {
    const [run] = await server.client.runs.createBatch([
      {
        assistantId: "steps",
        input: HI,
        streamMode: "updates",
        streamSubgraphs: true,
        interruptBefore: ["b"],
        afterSeconds: 60,
        multitaskStrategy: "reject",
        durability: "exit",
      },
    ]);

    expect(run).toMatchObject({
      kwargs: {
        stream_mode: ["updates"],
        stream_subgraphs: true,
        interrupt_before: ["b"],
        durability: "exit",
      },
    });
    const { status } = await post(`${server.url}/runs/batch`, [
      { assistant_id: "steps", stream_mode: [], after_seconds: 60 },
    ]);
    expect(status).toBe(200);
  });

  test.each<[string, number, object]>([
    ["a graph that there is not", 404, { assistant_id: "nope" }],
    ["a node that there is not", 422, { assistant_id: "steps", interrupt_before: ["nope"] }],
    ["a field that there is not", 422, { assistant_id: "steps", nope: 1 }],
    ["a thread, which it cannot have", 422, { assistant_id: "steps", thread_id: crypto.randomUUID() }],
  ])("with %s is refused as a whole", async (_, status, bad) => {
    const before = [await countRows("runs"), await countRows("threads")];
    const good = { assistant_id: "steps", input: HI, after_seconds: 60 };
    expect((await post(`${server.url}/runs/batch`, [good, bad])).status).toBe(status);
    expect([await countRows("runs"), await countRows("threads")]).toEqual(before);
  });

  test("that gives one id to two runs creates none of them, although the first could be", async () => {
    const run = { assistant_id: "steps", after_seconds: 60, config: { run_id: crypto.randomUUID() } };
    const before = [await countRows("runs"), await countRows("threads")];
    expect((await post(`${server.url}/runs/batch`, [run, run])).status).toBe(409);
    expect([await countRows("runs"), await countRows("threads")]).toEqual(before);
  });

  test.each([[[]], [{}], [Array(1001).fill({ assistant_id: "steps" })]])(
    "of no runs, of something else, or of too many is refused",
    async (batch) => {
      const response = await post(`${server.url}/runs/batch`, batch);
      expect(response.status).toBe(422);
    },
  );
});

describe("cancelling several runs", () => {
  /** A thread with a run at its gate and two that wait for it. */
  async function busyThread() {
    const gate = createGate();
    const { thread_id } = await server.client.threads.create();
    const running = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    const waiting = [
      await server.client.runs.create(thread_id, "steps", { input: HI }),
      await server.client.runs.create(thread_id, "steps", { input: HI }),
    ];
    return { gate, thread_id, running: running.run_id, waiting: waiting.map(({ run_id }) => run_id) };
  }

  const statusesOf = async (threadId: string) =>
    (await server.client.runs.list(threadId)).map(({ status }) => status).toReversed();

  test("named by their ids leaves the others of the thread", async () => {
    const { gate, thread_id, running, waiting } = await busyThread();
    const [first = "", second = ""] = waiting;
    const runIds = [first, crypto.randomUUID()];
    await server.client.runs.cancelMany({ threadId: thread_id, runIds });
    expect(await statusesOf(thread_id)).toEqual(["running", "interrupted", "pending"]);
    gate.open();
    await server.client.runs.join(thread_id, second);
    expect(await statusesOf(thread_id)).toEqual(["success", "interrupted", "success"]);
    expect(await server.client.runs.get(thread_id, first)).toMatchObject({ cancel_reason: "requested" });
    expect(await server.client.runs.get(thread_id, running)).toMatchObject({ cancel_reason: null });
  });

  test("with rollback removes them", async () => {
    const { thread_id, running, waiting } = await busyThread();
    const ended = server.client.runs.join(thread_id, running);
    await server.client.runs.cancelMany({
      threadId: thread_id,
      runIds: [running, ...waiting],
      action: "rollback",
    });
    await ended;
    expect(await server.client.runs.list(thread_id)).toEqual([]);
    expect(await server.client.threads.getHistory(thread_id)).toEqual([]);
    expect(await server.client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });

  test.each([
    ["pending", ["running", "interrupted", "interrupted"]],
    ["running", ["interrupted", "success", "success"]],
    ["all", ["interrupted", "interrupted", "interrupted"]],
  ] as const)("that are %s leaves those that are not", async (status, after) => {
    const { gate, thread_id, running, waiting } = await busyThread();
    await server.client.runs.cancelMany({ status });
    if (status !== "pending") {
      await server.client.runs.join(thread_id, running);
      await server.client.runs.join(thread_id, waiting[1] ?? "");
    }
    expect(await statusesOf(thread_id)).toEqual(after);
    gate.open();
  });

  test("leaves the runs of others alone", async () => {
    const { gate, thread_id, running, waiting } = await busyThread();
    await server.db.query("update runs set owner = 'somebody else' where thread_id = $1", [thread_id]);
    await server.client.runs.cancelMany({ status: "all" });
    const named = { thread_id, run_ids: [running, ...waiting] };
    expect((await post(`${server.url}/runs/cancel`, named)).status).toBe(404);
    const { rows } = await server.db.query("select distinct status from runs where thread_id = $1", [
      thread_id,
    ]);
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(expect.arrayContaining([{ status: "running" }, { status: "pending" }]));
    gate.open();
  });

  test("that the thread does not have is a 404, and that have all ended is fine", async () => {
    const { thread_id } = await server.client.threads.create();
    const { run_id } = await server.client.runs.create(thread_id, "steps", { input: HI });
    await server.client.runs.join(thread_id, run_id);
    const cancel = (run_ids: string[]) => post(`${server.url}/runs/cancel`, { thread_id, run_ids });
    expect((await cancel([crypto.randomUUID()])).status).toBe(404);
    expect((await cancel([run_id])).status).toBe(204);
    expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
    expect((await post(`${server.url}/runs/cancel`, { status: "all" })).status).toBe(204);
  });

  test.each([
    {},
    { status: "success" },
    { thread_id: crypto.randomUUID() },
    { run_ids: [crypto.randomUUID()] },
    { thread_id: crypto.randomUUID(), run_ids: [] },
    { status: "all", thread_id: crypto.randomUUID(), run_ids: [crypto.randomUUID()] },
  ])("%j does not say which", async (body) => {
    expect((await post(`${server.url}/runs/cancel`, body)).status).toBe(422);
  });
});
