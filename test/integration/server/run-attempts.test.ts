import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";

const GRAPHS = { slow: "slow.ts:graph" };
/** Long enough for a busy machine to renew it. */
const LEASE_MS = 6000;
const NOTHING = { claims: 0, retries: 0, lease_losses: 0, recoveries: 0 };

const attemptOf = (data: unknown) =>
  (data as { config: { metadata: { run_attempt: number } } }).config.metadata.run_attempt;

test("after its process was killed, a run says everywhere that it is in its second attempt, and is counted", async () => {
  const databaseUrl = await testDatabaseUrl();
  const dying = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "3" });
  const { thread_id } = await dying.client.threads.create();
  const gate = createGate();
  const { run_id } = await dying.client.runs.create(thread_id, "slow", {
    input: { gate: gate.name },
    streamMode: ["updates", "checkpoints"],
    streamResumable: true,
    durability: "sync",
  });
  const steps = async () =>
    (await dying.client.threads.getState<{ items?: string[] }>(thread_id)).values.items;
  await expect.poll(steps).toEqual(["before"]);
  // What it has streamed is written a moment later.
  await sleep(300);
  await dying.kill();
  gate.open();

  const environment = { leaseMs: LEASE_MS };
  const { client, readQueue } = await testServer({ graphs: GRAPHS, databaseUrl, environment });
  await client.runs.join(thread_id, run_id);
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ run_id, status: "success" });
  expect(await readQueue()).toMatchObject({
    ...NOTHING,
    pending: 0,
    running: 0,
    claims: 1,
    retries: 1,
    recoveries: 1,
  });

  const history = await client.threads.getHistory(thread_id, { limit: 100 });
  const checkpoints = history.toReversed().map(({ metadata }) => metadata);
  expect(checkpoints.map((metadata) => metadata?.["run_attempt"])).toEqual([1, 1, 1, 2, 2]);
  expect(new Set(checkpoints.map((metadata) => metadata?.["run_id"]))).toEqual(new Set([run_id]));
  const events = await Array.fromAsync(client.runs.joinStream(thread_id, run_id, { lastEventId: "-1" }));
  expect(events.filter(({ event }) => event === "metadata").map(({ data }) => data)).toEqual([
    { run_id, attempt: 1 },
    { run_id, attempt: 2 },
  ]);
  expect(events[0]?.event).toBe("metadata");
  const streamed = events.flatMap(({ event, data }) => (event === "checkpoints" ? [attemptOf(data)] : []));
  expect(streamed).toEqual(streamed.toSorted());
  expect(new Set(streamed)).toEqual(new Set([1, 2]));
});

test("a lease that is over is counted by who lost it, who recovered it and who tried again", async () => {
  const databaseUrl = await testDatabaseUrl();
  const options = { graphs: GRAPHS, databaseUrl, environment: { leaseMs: LEASE_MS } };
  const losing = await testServer(options);
  const { thread_id } = await losing.client.threads.create();
  const gate = createGate();
  const { run_id } = await losing.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  expect(await losing.readQueue()).toMatchObject({ ...NOTHING, running: 1, claims: 1 });

  const other = await testServer(options);
  const db = new pg.Client({ connectionString: databaseUrl });
  await db.connect();
  onTestFinished(() => db.end());
  await db.query("update runs set lease_expires_at = now() - interval '1 second' where run_id = $1", [
    run_id,
  ]);
  await expect.poll(async () => (await losing.readQueue()).lease_losses, { timeout: 5000 }).toBe(1);
  gate.open();
  await other.client.runs.join(thread_id, run_id);

  const [first, second] = [await losing.readQueue(), await other.readQueue()];
  const both = (event: keyof typeof NOTHING) => first[event] + second[event];
  expect(first).toMatchObject({ pending: 0, running: 0, lease_losses: 1 });
  expect({ ...NOTHING, claims: both("claims"), retries: both("retries") }).toEqual({
    ...NOTHING,
    claims: 2,
    retries: 1,
  });
  expect(both("recoveries")).toBe(1);
  expect(second.lease_losses).toBe(0);
});
