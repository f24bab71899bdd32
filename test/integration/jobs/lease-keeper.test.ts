import { once } from "node:events";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import type { RunStopped } from "../../../src/server/domain/run.ts";
import { createLeaseKeeper } from "../../../src/server/jobs/lease-keeper.ts";
import { claimRuns } from "../../../src/server/persistence/leases.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const LEASE_MS = 1000;

const database = sharedDatabase();

async function holdRun() {
  const db = database();
  await givenRun(db, await givenThread(db));
  const workerId = "keeper";
  const [run] = await claimRuns(db, { workerId, leaseMs: LEASE_MS, limit: 1 });
  if (run === undefined) throw new Error("there was nothing to claim");
  const keeper = createLeaseKeeper(
    { db, log: pino({ level: "silent" }) },
    { workerId, leaseMs: LEASE_MS, timeoutMs: 60_000 },
  );
  onTestFinished(() => keeper[Symbol.dispose]());
  return { db, stop: keeper.hold(run) };
}

test("a lease is kept for several times its length", async () => {
  const { stop } = await holdRun();

  await new Promise((resolve) => setTimeout(resolve, 3 * LEASE_MS));

  expect(stop.aborted).toBe(false);
});

test("a run stops when its lease must be over because the database does not answer", async () => {
  const { db, stop } = await holdRun();
  const answers = Promise.withResolvers<void>();
  const locked = db.transaction(async (tx) => {
    await tx.query("lock table runs in access exclusive mode");
    await answers.promise;
  });
  onTestFinished(async () => {
    answers.resolve();
    await locked;
  });

  if (!stop.aborted) await once(stop, "abort");

  expect((stop.reason as RunStopped).reason).toBe("lease_lost");
});
