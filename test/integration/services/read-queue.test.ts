import { expect, test } from "vitest";
import { claimRuns } from "../../../src/server/persistence/leases.ts";
import { createQueueCounters } from "../../../src/server/services/queue-events.ts";
import { readQueue } from "../../../src/server/services/read-queue.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const database = sharedDatabase();

test("an empty queue has nothing that waits", async () => {
  const queueCounters = createQueueCounters();

  expect(await readQueue({ db: database(), queueCounters })).toEqual({
    pending: 0,
    scheduled: 0,
    running: 0,
    oldest_pending_ms: null,
    claims: 0,
    retries: 0,
    lease_losses: 0,
    recoveries: 0,
  });
});

test("the queue tells what waits, what runs, and for how long the oldest has waited", async () => {
  const db = database();
  const queueCounters = createQueueCounters();
  await givenRun(db, await givenThread(db));
  await claimRuns(db, { workerId: "worker", leaseMs: 60_000, limit: 1 });
  const { run_id } = await givenRun(db, await givenThread(db));
  await givenRun(db, await givenThread(db));
  await givenRun(db, await givenThread(db), { delaySeconds: 3600 });
  await db.query("update runs set available_at = now() - interval '5 minutes' where run_id = $1", [run_id]);
  queueCounters.count("claims");
  queueCounters.count("lease_losses", 2);

  const queue = await readQueue({ db, queueCounters });

  expect(queue).toMatchObject({ pending: 2, scheduled: 1, running: 1, claims: 1, lease_losses: 2 });
  expect(queue.oldest_pending_ms).toBeGreaterThanOrEqual(5 * 60_000);
  expect(queue.oldest_pending_ms).toBeLessThan(10 * 60_000);
});
