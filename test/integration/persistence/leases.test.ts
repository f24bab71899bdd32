import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { ClaimedRun } from "../../../src/server/domain/run.ts";
import type { Database } from "../../../src/server/persistence/database.ts";
import {
  claimRuns,
  expireAllLeases,
  finishRun,
  handBackRun,
  listExpiredRuns,
  releaseExpiredRun,
  renewLeases,
} from "../../../src/server/persistence/leases.ts";
import { findRun, requestCancel } from "../../../src/server/persistence/runs.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread, OWNER } from "../../support/runs.ts";

const LONG_MS = 60_000;
const RENEWAL = { leaseMs: LONG_MS, maxAgeMs: LONG_MS };

const database = sharedDatabase();

const claim = (db: Database, workerId: string, { leaseMs = LONG_MS, limit = 10 } = {}) =>
  claimRuns(db, { workerId, leaseMs, limit });

async function claimOne(db: Database, workerId: string, options = {}): Promise<ClaimedRun> {
  const [run] = await claim(db, workerId, options);
  if (run === undefined) throw new Error("there was nothing to claim");
  return run;
}

const statusOf = async (db: Database, { run_id }: { run_id: string }) =>
  (await findRun(db, OWNER, null, run_id))?.status;

/** Takes a run from its worker as soon as its lease is over. */
async function loseLease(db: Database, run: ClaimedRun): Promise<void> {
  await db.query("update runs set lease_expires_at = now() - interval '1 second' where run_id = $1", [
    run.run_id,
  ]);
  expect(await releaseExpiredRun(db, run.run_id, "pending")).toBe(true);
}

describe("claiming", () => {
  test("takes the oldest runs, of each thread the first, and no more than asked for", async () => {
    const db = database();
    const threads = [await givenThread(db), await givenThread(db), await givenThread(db)];
    const runs = [];
    for (const thread of [0, 0, 1, 2]) runs.push(await givenRun(db, threads[thread] ?? ""));
    const two = await claim(db, "worker", { limit: 2 });
    expect(new Set(two.map(({ run_id }) => run_id))).toEqual(new Set([runs[0]?.run_id, runs[2]?.run_id]));
    expect((await claim(db, "other")).map(({ run_id }) => run_id)).toEqual([runs[3]?.run_id]);
    expect(await claim(db, "other")).toEqual([]);
  });

  test("tells the worker what it holds", async () => {
    const db = database();
    const thread_id = await givenThread(db);
    const { run_id, kwargs } = await givenRun(db, thread_id, { delete_thread: true });
    expect(await claimOne(db, "worker")).toMatchObject({
      run_id,
      thread_id,
      kwargs,
      status: "running",
      worker_id: "worker",
      attempt: 1,
      delete_thread: true,
      cancel_requested: null,
    });
  });

  test("keeps the order of the queue within a thread", async () => {
    const db = database();
    const threadId = await givenThread(db);
    const queued = [];
    for (let count = 0; count < 4; count++) queued.push((await givenRun(db, threadId)).run_id);
    const claimed = [];
    for (let count = 0; count < 4; count++) {
      const run = await claimOne(db, "worker");
      claimed.push(run.run_id);
      await finishRun(db, run, "success");
    }
    expect(claimed).toEqual(queued);
  });

  test("does not take a run before its time, nor hold up those behind it", async () => {
    const db = database();
    const threadId = await givenThread(db);
    const later = await givenRun(db, threadId, { delaySeconds: 60 });
    const now = await givenRun(db, threadId);
    const first = await claimOne(db, "worker");
    expect(first.run_id).toBe(now.run_id);
    await finishRun(db, first, "success");
    expect(await claim(db, "worker")).toEqual([]);

    await db.query("update runs set available_at = now() where run_id = $1", [later.run_id]);
    expect((await claimOne(db, "worker")).run_id).toBe(later.run_id);
  });

  test("of many workers at once lets one have a thread at a time", async () => {
    const db = database();
    const threadId = await givenThread(db);
    for (let count = 0; count < 6; count++) await givenRun(db, threadId);

    const finished: string[] = [];
    for (let round = 0; finished.length < 6 && round < 30; round++) {
      const claims = await Promise.all(Array.from({ length: 5 }, (_, index) => claim(db, `worker ${index}`)));
      const [run, ...others] = claims.flat();
      expect(others).toEqual([]);
      if (run === undefined) continue;
      finished.push(run.run_id);
      await finishRun(db, run, "success");
    }
    expect(new Set(finished).size).toBe(6);
  });

  test("of many workers at once gives each run to one of them", async () => {
    const db = database();
    for (let count = 0; count < 20; count++) await givenRun(db, await givenThread(db));
    const claims = await Promise.all(
      Array.from({ length: 5 }, (_, index) => claim(db, `worker ${index}`, { limit: 20 })),
    );
    const claimed = claims.flat().map(({ run_id }) => run_id);
    expect(claimed).toHaveLength(20);
    expect(new Set(claimed).size).toBe(20);
  });

  test("two running runs on one thread are impossible, whatever a statement tries", async () => {
    const db = database();
    const threadId = await givenThread(db);
    await givenRun(db, threadId);
    await claimOne(db, "worker");
    const { run_id } = await givenRun(db, threadId);
    const force = db.query(
      "update runs set status = 'running', claimed_by = 'w', lease_expires_at = now() where run_id = $1",
      [run_id],
    );
    await expect(force).rejects.toMatchObject({ constraint: "runs_one_running_per_thread" });
    const unowned = db.query("update runs set status = 'running' where run_id = $1", [run_id]);
    await expect(unowned).rejects.toMatchObject({ constraint: "runs_running_has_a_lease" });
  });
});

describe("a worker whose lease was lost", () => {
  const writes: [string, (db: Database, run: ClaimedRun) => Promise<boolean>][] = [
    ["finish", (db, run) => finishRun(db, run, "success")],
    ["hand back", handBackRun],
    [
      "renew",
      async (db, run) =>
        (await renewLeases(db, run.worker_id, RENEWAL)).some((kept) => kept.attempt === run.attempt),
    ],
  ];

  test.each(writes)("cannot %s while the run waits for another worker", async (_, write) => {
    const db = database();
    await givenRun(db, await givenThread(db));
    const run = await claimOne(db, "worker");
    await loseLease(db, run);
    expect(await write(db, run)).toBe(false);
    expect(await statusOf(db, run)).toBe("pending");
  });

  test.each(writes)(
    "cannot %s once another worker has the run, or itself in a later attempt",
    async (_, write) => {
      for (const next of ["other worker", "worker"]) {
        const db = database();
        await givenRun(db, await givenThread(db));
        const lost = await claimOne(db, "worker");
        await loseLease(db, lost);
        const held = await claimOne(db, next);
        expect(held).toMatchObject({ run_id: lost.run_id, attempt: 2 });

        expect(await write(db, lost)).toBe(false);
        expect(await statusOf(db, lost)).toBe("running");
        expect(await finishRun(db, held, "success")).toBe(true);
        expect(await statusOf(db, held)).toBe("success");
      }
    },
  );

  test("cannot renew a lease that is over, even if nobody has taken the run yet", async () => {
    const db = database();
    await givenRun(db, await givenThread(db));
    await claimOne(db, "worker", { leaseMs: 1 });
    await sleep(5);
    expect(await renewLeases(db, "worker", RENEWAL)).toEqual([]);
  });
});

describe("renewing", () => {
  test("renews what the worker holds, all at once, and tells what was asked of it", async () => {
    const db = database();
    for (let count = 0; count < 3; count++) await givenRun(db, await givenThread(db));
    const [first, second] = await claim(db, "worker", { limit: 2 });
    const [others] = await claim(db, "other");
    await requestCancel(db, second?.run_id ?? "", { action: "rollback", reason: "requested" });
    const kept = await renewLeases(db, "worker", RENEWAL);
    expect(
      kept.toSorted((a, b) => (a.run_id === first?.run_id ? -1 : b.run_id === first?.run_id ? 1 : 0)),
    ).toEqual([
      { run_id: first?.run_id, attempt: 1, cancel_requested: null },
      { run_id: second?.run_id, attempt: 1, cancel_requested: "rollback" },
    ]);
    expect(await renewLeases(db, "other", RENEWAL)).toMatchObject([{ run_id: others?.run_id }]);
  });
});

describe("a lease that is over", () => {
  test("is found, and its run released once", async () => {
    const db = database();
    const { run_id, thread_id } = await givenRun(db, await givenThread(db));
    await givenRun(db, await givenThread(db));
    await claim(db, "worker", { leaseMs: 1, limit: 1 });
    await claim(db, "worker");
    await sleep(5);
    expect(await listExpiredRuns(db, 10)).toEqual([
      {
        run_id,
        thread_id,
        crashes: 0,
        cancel_requested: null,
        delete_thread: false,
        claimed_for_ms: expect.any(Number),
      },
    ]);
    const released = await Promise.all([1, 2, 3].map(() => releaseExpiredRun(db, run_id, "pending")));
    expect(released.toSorted()).toEqual([false, false, true]);
    expect(await listExpiredRuns(db, 10)).toEqual([]);
  });

  test("counts as a crash, and handing a run back does not", async () => {
    const db = database();
    await givenRun(db, await givenThread(db));
    const first = await claimOne(db, "worker");
    expect(await handBackRun(db, first)).toBe(true);
    const second = await claimOne(db, "worker");
    await loseLease(db, second);
    const third = await claimOne(db, "worker", { leaseMs: 1 });
    await sleep(5);
    expect([first, second, third].map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(await listExpiredRuns(db, 10)).toMatchObject([{ crashes: 1 }]);
  });

  test("is not renewed for a run that has gone on for too long", async () => {
    const db = database();
    const { run_id } = await givenRun(db, await givenThread(db));
    await claimOne(db, "worker");
    expect(await renewLeases(db, "worker", RENEWAL)).toHaveLength(1);

    await db.query("update runs set claimed_at = now() - interval '2 minutes' where run_id = $1", [run_id]);

    expect(await renewLeases(db, "worker", RENEWAL)).toEqual([]);
  });

  test("that was renewed after all is not released", async () => {
    const db = database();
    const { run_id } = await givenRun(db, await givenThread(db));
    await claimOne(db, "worker");
    expect(await releaseExpiredRun(db, run_id, "pending")).toBe(false);
  });

  test("a server that is the only one ends all leases of those before it", async () => {
    const db = database();
    await givenRun(db, await givenThread(db));
    await claimOne(db, "worker");
    expect(await listExpiredRuns(db, 10)).toEqual([]);
    await expireAllLeases(db);
    expect(await listExpiredRuns(db, 10)).toHaveLength(1);
  });
});

test("a run that is handed back is claimed again before those behind it", async () => {
  const db = database();
  const threadId = await givenThread(db);
  const { run_id } = await givenRun(db, threadId);
  await givenRun(db, threadId);
  await handBackRun(db, await claimOne(db, "worker"));
  expect((await claimOne(db, "other")).run_id).toBe(run_id);
});
