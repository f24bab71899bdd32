import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { ClaimedRun } from "../../../src/server/domain/run.ts";
import { startRunWorker } from "../../../src/server/jobs/run-worker.ts";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { claimRuns, finishRun, handBackRun } from "../../../src/server/persistence/leases.ts";
import { createQueueCounters } from "../../../src/server/services/queue-events.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

async function startWorker(databaseUrl: string, execute: (run: ClaimedRun) => Promise<unknown>) {
  const db = openDatabase(databaseUrl, { max: 3, onIdleError: () => undefined });
  const queueCounters = createQueueCounters();
  const executeRun = async (run: ClaimedRun) => {
    await execute(run);
    await finishRun(db, run, "success");
    return "success" as const;
  };
  const worker = startRunWorker(
    { db, services: { executeRun }, queueCounters, log: pino({ level: "silent" }) },
    {
      databaseUrl,
      workerId: "worker",
      slots: 10,
      maxRunsOfGraph: new Map(),
      leaseMs: 30_000,
      timeoutMs: 60_000,
      pollMs: 50,
      drainMs: 0,
    },
  );
  onTestFinished(async () => {
    await worker[Symbol.asyncDispose]();
    await db.close();
  });
  return { queueCounters, worker };
}

test("a worker counts the attempts that it begins, and which of them are not the first", async () => {
  const databaseUrl = await testDatabaseUrl();
  const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
  await givenRun(db, await givenThread(db));
  const [begun] = await claimRuns(db, { workerId: "other", leaseMs: 1000, limit: 1 });
  await handBackRun(db, begun as ClaimedRun);
  await givenRun(db, await givenThread(db));
  await db.close();
  const executed: number[] = [];

  const { queueCounters } = await startWorker(
    databaseUrl,
    async ({ attempt }) => void executed.push(attempt),
  );
  await expect.poll(() => executed.toSorted()).toEqual([1, 2]);

  expect(queueCounters.read()).toEqual({ claims: 2, retries: 1, lease_losses: 0, recoveries: 0 });
});
