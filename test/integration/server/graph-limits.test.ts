import { expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";

const GRAPHS = { long: "slow.ts:graph", short: "steps.ts:graph", agent: "chat.ts:graph" };

type Client = Awaited<ReturnType<typeof testServer>>["client"];

const hi = { messages: [{ role: "user", content: "hi" }] };

/** Runs that wait at one gate each, on threads of their own, in the order of the queue. */
async function startLong(client: Client, count: number) {
  const runs = [];
  for (let index = 0; index < count; index++) {
    const gate = createGate();
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, "long", { input: { gate: gate.name } });
    runs.push({ gate, thread_id, run_id });
  }
  return runs;
}

const statusesOf = (client: Client, runs: Awaited<ReturnType<typeof startLong>>) =>
  Promise.all(runs.map(async ({ thread_id, run_id }) => (await client.runs.get(thread_id, run_id)).status));

test("a graph has no more runs at a time than it may have, and gets the next when one ends", async () => {
  const { client } = await testServer({ graphs: GRAPHS, limits: { long: 2 } });
  const runs = await startLong(client, 4);
  await runs[1]?.gate.arrived;

  // What is behind them in the queue goes ahead, which it would not if they had all slots or blocked the queue.
  await client.runs.wait(null, "agent", { input: hi });
  expect(await statusesOf(client, runs)).toEqual(["running", "running", "pending", "pending"]);

  runs[0]?.gate.open();
  await runs[2]?.gate.arrived;
  expect(await statusesOf(client, runs)).toEqual(["success", "running", "running", "pending"]);
  for (const { gate } of runs) gate.open();
  await Promise.all(runs.map(({ thread_id, run_id }) => client.runs.join(thread_id, run_id)));
});

test("a queue that was there before the server is taken up to every limit at once", async () => {
  const first = await testServer({ graphs: GRAPHS, role: "api" });
  const runs = await startLong(first.client, 6);
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "agent", { input: hi });

  const { client } = await testServer({
    graphs: GRAPHS,
    limits: { long: 3, agent: 1 },
    databaseUrl: first.databaseUrl,
  });
  await Promise.all(runs.slice(0, 3).map(({ gate }) => gate.arrived));
  await client.runs.join(thread_id, run_id);

  expect(await statusesOf(client, runs)).toEqual([
    "running",
    "running",
    "running",
    "pending",
    "pending",
    "pending",
  ]);
  for (const { gate } of runs) gate.open();
});

test("a thread with a long queue takes one place and leaves the others to other threads", async () => {
  const { client } = await testServer({ graphs: GRAPHS, environment: { jobsPerWorker: 2 } });
  const { thread_id } = await client.threads.create();
  const gate = createGate();
  for (let index = 0; index < 10; index++) {
    await client.runs.create(thread_id, "long", { input: { gate: gate.name } });
  }
  await gate.arrived;

  for (let index = 0; index < 3; index++) await client.runs.wait(null, "agent", { input: hi });

  const statuses = (await client.runs.list(thread_id, { limit: 20 })).map(({ status }) => status);
  expect(statuses.filter((status) => status === "running")).toHaveLength(1);
  gate.open();
});
