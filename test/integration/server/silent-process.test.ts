import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";

const LEASE_MS = 1000;
const GRAPHS = { slow: "slow.ts:graph", blocking: "blocking.ts:graph" };

/** A server in a process of its own, and another one that takes over what the first loses. */
async function twoServers() {
  const databaseUrl = await testDatabaseUrl();
  const first = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: String(LEASE_MS / 1000) });
  const takesOver = (jobsPerWorker: number) =>
    testServer({ graphs: GRAPHS, databaseUrl, environment: { leaseMs: LEASE_MS, jobsPerWorker } });
  return { first, takesOver };
}

interface Values {
  readonly items: string[];
}

test("a process whose node blocks it for longer than the lease keeps its run", async () => {
  const { first, takesOver } = await twoServers();
  // It looks for lost runs, but must not be the one that is blocked.
  const { client } = await takesOver(0);
  const { thread_id } = await first.client.threads.create();
  const stream = first.client.runs.stream(thread_id, "blocking", {
    input: { ms: 3.5 * LEASE_MS },
    streamMode: "values",
  });
  const events = await Array.fromAsync(stream);

  expect(events.at(0)).toMatchObject({ event: "metadata", data: { attempt: 1 } });
  expect(events.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  expect(await client.threads.getState<Values>(thread_id)).toMatchObject({ values: { items: ["blocked"] } });
});

test("a cancel is final although the node blocks its process", { timeout: 60_000 }, async () => {
  const { first, takesOver } = await twoServers();
  const { client } = await takesOver(0);
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "blocking", { input: { ms: 20_000 } });
  const answers = () =>
    fetch(`${first.url}/ok`, { signal: AbortSignal.timeout(300) }).then(
      () => true,
      () => false,
    );
  await expect.poll(answers).toBe(false);

  await client.runs.cancel(thread_id, run_id, true);
  expect(await answers()).toBe(false);
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  const before = await client.threads.getHistory(thread_id);

  await expect.poll(answers, { timeout: 20_000 }).toBe(true);
  await sleep(LEASE_MS);
  expect(await client.threads.getHistory(thread_id)).toEqual(before);
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
});

test("a process that was paused and wakes up after its run was taken over changes nothing", async () => {
  const { first, takesOver } = await twoServers();
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "slow", {
    input: { ms: 2 * LEASE_MS },
    metadata: { kept: true },
  });
  await expect
    .poll(async () => (await first.client.threads.getState<Values>(thread_id)).values.items)
    .toEqual(["before"]);
  first.pause();
  const { client } = await takesOver(1);
  await client.runs.join(thread_id, run_id);
  const look = async () => ({
    run: await client.runs.get(thread_id, run_id),
    thread: await client.threads.get(thread_id),
    history: await client.threads.getHistory<Values>(thread_id, { limit: 100 }),
  });
  const before = await look();
  expect(before.run).toMatchObject({ status: "success" });
  expect(before.thread).toMatchObject({ values: { items: ["before", "work", "after"] } });

  first.resume();
  // Longer than its node would have taken.
  await sleep(3 * LEASE_MS);

  expect((await fetch(`${first.url}/ready`)).status).toBe(200);
  expect(await look()).toEqual(before);
  // It goes on as a server like any other.
  const values = await first.client.runs.wait(thread_id, "slow", { input: { ms: 1 } });
  expect(values).toMatchObject({ items: ["before", "work", "after", "before", "work", "after"] });
});
