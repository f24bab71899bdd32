import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { ClaimedRun } from "../../../src/server/domain/run.ts";
import { startRunWorker } from "../../../src/server/jobs/run-worker.ts";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import {
  claimRuns,
  finishRun,
  handBackRun,
  listExpiredRuns,
  releaseExpiredRun,
} from "../../../src/server/persistence/leases.ts";
import { createQueueCounters } from "../../../src/server/services/queue-events.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

async function startWorker(
  databaseUrl: string,
  execute: (run: ClaimedRun, abort: AbortSignal) => Promise<unknown>,
  leaseMs = 30_000,
) {
  const db = openDatabase(databaseUrl, { max: 3, onIdleError: () => undefined });
  const queueCounters = createQueueCounters();
  const executeRun = async (run: ClaimedRun, { abort }: { abort: AbortSignal }) => {
    await execute(run, abort);
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
      leaseMs,
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

test("a run that comes back to the worker that has lost it begins when the attempt before has ended, and is kept", async () => {
  const leaseMs = 1500;
  const databaseUrl = await testDatabaseUrl();
  const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
  const { run_id } = await givenRun(db, await givenThread(db));
  const done = Promise.withResolvers<void>();
  const told: string[] = [];
  const { worker, queueCounters } = await startWorker(
    databaseUrl,
    async ({ attempt }, abort) => {
      told.push(`${attempt} began`);
      if (attempt > 1) return done.promise;
      if (!abort.aborted) await once(abort, "abort");
      told.push(`${attempt} is to stop`);
      await sleep(100);
      told.push(`${attempt} ended`);
    },
    leaseMs,
  );
  await expect.poll(() => told).toEqual(["1 began"]);

  await db.query("update runs set lease_expires_at = now() where run_id = $1", [run_id]);
  await releaseExpiredRun(db, run_id, "pending");
  worker.wake();
  await expect.poll(() => told.length, { timeout: 5000 }).toBe(4);
  await sleep(2 * leaseMs);

  expect(told).toEqual(["1 began", "1 is to stop", "1 ended", "2 began"]);
  expect(await listExpiredRuns(db, 10)).toEqual([]);
  expect(queueCounters.read()).toMatchObject({ claims: 2, retries: 1, lease_losses: 1 });
  done.resolve();
  await db.close();
});
