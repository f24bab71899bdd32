import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";

/** In the middle of its steps a run may be anywhere between them; of several some are at the end of one. */
const RUNS = 12;

test("a server that was paused wakes up to find its runs done, and leaves their threads as they are", async () => {
  const databaseUrl = await testDatabaseUrl();
  const paused = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "1", N_JOBS_PER_WORKER: "20" });
  const runs = await Promise.all(
    Array.from({ length: RUNS }, async (_, index) => {
      const { thread_id } = await paused.client.threads.create();
      const input = { messages: [], ms: 600 + index * 50 };
      const { run_id } = await paused.client.runs.create(thread_id, "slow", { input, durability: "sync" });
      return { thread_id, run_id };
    }),
  );
  await sleep(500);
  paused.pause();

  const { client } = await testServer({
    graphs: { slow: "slow.ts:graph" },
    databaseUrl,
    environment: { leaseMs: 1000, jobsPerWorker: 20 },
  });
  for (const { thread_id, run_id } of runs) await client.runs.join(thread_id, run_id);
  const before = await Promise.all(runs.map(({ thread_id }) => client.threads.getState(thread_id)));
  expect(before.every(({ next }) => next.length === 0)).toBe(true);

  paused.resume();
  // It answers again: what it had to do when it woke up it has done.
  await paused.client.assistants.search();
  await sleep(1500);
  const after = await Promise.all(runs.map(({ thread_id }) => client.threads.getState(thread_id)));
  expect(after).toEqual(before);
});

test("a server that was paused wakes up in the middle of its nodes, and leaves the store to those who took over", async () => {
  const databaseUrl = await testDatabaseUrl();
  const paused = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "1", N_JOBS_PER_WORKER: "20" });
  const runs = await Promise.all(
    Array.from({ length: RUNS }, async () => {
      const { thread_id } = await paused.client.threads.create();
      const { run_id } = await paused.client.runs.create(thread_id, "stale", { input: { ms: 60_000 } });
      return { thread_id, run_id };
    }),
  );
  const itemsOf = async (client: typeof paused.client) =>
    (await client.store.searchItems(["attempts"])).items;
  await expect.poll(async () => (await itemsOf(paused.client)).length).toBe(2);
  paused.pause();

  const { client } = await testServer({
    graphs: { stale: "stale.ts:graph" },
    databaseUrl,
    environment: { leaseMs: 1000, jobsPerWorker: 20 },
  });
  for (const { thread_id, run_id } of runs) await client.runs.join(thread_id, run_id);
  const before = await itemsOf(client);
  expect(before.map(({ key }) => key).toSorted()).toEqual(["attempt 2", "last"]);

  paused.resume();
  await paused.client.assistants.search();
  await sleep(1500);
  expect(await itemsOf(client)).toEqual(before);
});
