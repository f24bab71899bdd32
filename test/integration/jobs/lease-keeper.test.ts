import { once } from "node:events";
import type { Worker } from "node:worker_threads";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { ClaimedRun, RunStopped } from "../../../src/server/domain/run.ts";
import { createLeaseKeeper } from "../../../src/server/jobs/lease-keeper.ts";
import { type Database, openDatabase } from "../../../src/server/persistence/database.ts";
import { claimRuns, listExpiredRuns, releaseExpiredRun } from "../../../src/server/persistence/leases.ts";
import { requestCancel } from "../../../src/server/persistence/runs.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const LEASE_MS = 1500;
const WORKER_ID = "keeper";

async function holdRun({ leaseMs = LEASE_MS, timeoutMs = 60_000 } = {}) {
  const databaseUrl = await testDatabaseUrl();
  const db = openDatabase(databaseUrl, { max: 3, onIdleError: () => undefined });
  onTestFinished(db.close);
  await givenRun(db, await givenThread(db));
  const lost: true[] = [];
  const keeper = createLeaseKeeper(
    { log: pino({ level: "silent" }), onLost: () => void lost.push(true) },
    { databaseUrl, workerId: WORKER_ID, leaseMs, timeoutMs },
  );
  onTestFinished(() => keeper[Symbol.asyncDispose]());
  // Its thread takes a moment to start.
  await sleep(LEASE_MS / 2);
  const [run] = await claimRuns(db, { workerId: WORKER_ID, leaseMs, limit: 1 });
  if (run === undefined) throw new Error("there was nothing to claim");
  return { db, run, keeper, lost, stop: keeper.hold(run) };
}

async function claimAgain(db: Database, runId: string) {
  await releaseExpiredRun(db, runId, "pending");
  return claimRuns(db, { workerId: WORKER_ID, leaseMs: LEASE_MS, limit: 1 });
}

async function reasonOf(stop: AbortSignal): Promise<string> {
  if (!stop.aborted) await once(stop, "abort");
  return (stop.reason as RunStopped).reason;
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("a lease is kept for several times its length", async () => {
  const { db, stop } = await holdRun();

  await sleep(3 * LEASE_MS);

  expect(stop.aborted).toBe(false);
  expect(await listExpiredRuns(db, 10)).toEqual([]);
});

test("a lease is kept while the event loop is blocked, and the run goes on after it", async () => {
  const { db, stop, lost } = await holdRun();

  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3 * LEASE_MS);

  expect(await listExpiredRuns(db, 10)).toEqual([]);
  await sleep(LEASE_MS);
  expect(stop.aborted).toBe(false);
  expect(lost).toEqual([]);
});

test("a run stops when its lease must be over because the database does not answer", async () => {
  const { db, stop, lost } = await holdRun();
  const answers = Promise.withResolvers<void>();
  const locked = db.transaction(async (tx) => {
    await tx.query("lock table runs in access exclusive mode");
    await answers.promise;
  });
  onTestFinished(async () => {
    answers.resolve();
    await locked;
  });

  expect(await reasonOf(stop)).toBe("lease_lost");
  expect(lost).toHaveLength(1);
});

test("a run stops when another worker has it", async () => {
  const { db, stop, run } = await holdRun();

  await db.query("update runs set claimed_by = 'other' where run_id = $1", [run.run_id]);

  expect(await reasonOf(stop)).toBe("lease_lost");
});

test("a run stops as soon as someone wants it to and the keeper is told to look", async () => {
  const { db, stop, run, keeper } = await holdRun();

  await requestCancel(db, run.run_id, { action: "rollback", reason: "requested" });
  keeper.check();

  expect(await reasonOf(stop)).toBe("rollback");
});

test("a run stops when it has taken too long, and not when it ended before", async () => {
  const { stop, keeper, run } = await holdRun({ timeoutMs: 200 });
  expect(await reasonOf(stop)).toBe("timeout");
  keeper.release(run);

  const again = keeper.hold(run);
  keeper.release(run);
  await sleep(400);
  expect(again.aborted).toBe(false);
});

test("leases are renewed again after the connection broke", async () => {
  const { db, stop } = await holdRun();
  await sleep(LEASE_MS / 2);

  await db.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`,
  );
  await sleep(2 * LEASE_MS);

  expect(stop.aborted).toBe(false);
  expect(await listExpiredRuns(db, 10)).toEqual([]);
});

/** Ends each thread as soon as it has started, those that are there and those that take their places. */
function endThreads(threads: readonly Worker[]) {
  const end = (thread: Worker) => void thread.once("online", () => thread.terminate());
  process.on("worker", end);
  onTestFinished(() => void process.off("worker", end));
  return {
    ended: Promise.all(threads.map((thread) => thread.terminate())),
    stop: () => void process.off("worker", end),
  };
}

/** The threads that are started from here on. */
function watchThreads(): readonly Worker[] {
  const threads: Worker[] = [];
  const add = (thread: Worker) => void threads.push(thread);
  process.on("worker", add);
  onTestFinished(() => void process.off("worker", add));
  return threads;
}

test("a thread that dies is replaced before the lease is over", async () => {
  const threads = watchThreads();
  const leaseMs = 3 * LEASE_MS;
  const { db, stop, lost } = await holdRun({ leaseMs });

  await threads[0]?.terminate();
  await sleep(2 * leaseMs);

  expect(threads).toHaveLength(2);
  expect(stop.aborted).toBe(false);
  expect(lost).toEqual([]);
  expect(await listExpiredRuns(db, 10)).toEqual([]);
});

test("a run stops when no thread renews its lease, and another is kept once one does", async () => {
  const threads = watchThreads();
  const { db, stop, run, lost, keeper } = await holdRun();
  const { ended, stop: stopEnding } = endThreads(threads);
  await ended;

  expect(await reasonOf(stop)).toBe("lease_lost");
  expect(lost).toHaveLength(1);
  keeper.release(run);
  stopEnding();
  const count = threads.length;
  await expect.poll(() => threads.length, { timeout: 5000 }).toBeGreaterThan(count);

  const [again] = await claimAgain(db, run.run_id);
  const keptOn = keeper.hold(again as ClaimedRun);
  await sleep(3 * LEASE_MS);
  expect(keptOn.aborted).toBe(false);
  expect(await listExpiredRuns(db, 10)).toEqual([]);
});
