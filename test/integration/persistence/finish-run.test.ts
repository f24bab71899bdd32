import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { claimRuns, finishRunOnThread } from "../../../src/server/persistence/leases.ts";
import { insertRunOnThread, listUnfinishedRuns } from "../../../src/server/persistence/runs.ts";
import { findThread, lockThread } from "../../../src/server/persistence/threads.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread, OWNER } from "../../support/runs.ts";

const database = sharedDatabase();

const CLAIM = { workerId: "worker", leaseMs: 60_000, limit: 1 };
const OUTCOME = {
  status: "idle",
  values: { a: 1 },
  interrupts: {},
  error: null,
  has_checkpoints: true,
} as const;
const NO_SETTINGS = { metadata: {}, config: {} };

async function givenClaimedRun(options: { readonly delete_thread?: boolean } = {}) {
  const db = database();
  const threadId = await givenThread(db);
  const { run_id } = await givenRun(db, threadId, options);
  const [run] = await claimRuns(db, CLAIM);
  if (run?.run_id !== run_id) throw new Error("another run was claimed");
  return { db, run, threadId, outcome: { ...OUTCOME, thread_id: threadId } };
}

test("a run that ends leaves its state on the thread, which is idle when no other run waits", async () => {
  const { db, run, threadId, outcome } = await givenClaimedRun();
  expect(await finishRunOnThread(db, run, "success", outcome)).toBe(false);
  expect(await findThread(db, OWNER, threadId)).toMatchObject({ status: "idle", values: { a: 1 } });
});

test("a run that is created while another one ends keeps the thread busy, and the end says that it waits", async () => {
  const { db, run, threadId, outcome } = await givenClaimedRun();
  const { run_id, ...like } = run;
  // The end begins before the new run is there to be seen, and waits for its transaction.
  const { finishing } = await db.transaction(async (tx) => {
    await lockThread(tx, threadId);
    const finishing = finishRunOnThread(db, run, "success", outcome);
    await expect.poll(() => countWaiting(db)).toBeGreaterThan(0);
    await insertRunOnThread(tx, OWNER, { ...like, run_id: randomUUID(), delaySeconds: 0 }, NO_SETTINGS);
    return { finishing };
  });
  expect(await finishing).toBe(true);
  expect(await findThread(db, OWNER, threadId)).toMatchObject({ status: "busy", values: { a: 1 } });
  expect(await listUnfinishedRuns(db, threadId)).toHaveLength(1);
});

test("runs that get hold of a thread one after the other are queued in that order", async () => {
  const db = database();
  const threadId = await givenThread(db);
  const { run_id: first, ...like } = await givenRun(db, threadId);
  const later = [randomUUID(), randomUUID()];
  const inserting: Promise<unknown>[] = [];
  await db.transaction(async (tx) => {
    await lockThread(tx, threadId);
    for (const [index, run_id] of later.entries()) {
      const run = { ...like, run_id, delete_thread: false, delaySeconds: 0 };
      inserting.push(insertRunOnThread(db, OWNER, run, NO_SETTINGS));
      await expect.poll(() => countWaiting(db)).toBe(index + 1);
    }
  });
  await Promise.all(inserting);
  expect(await listUnfinishedRuns(db, threadId)).toEqual([first, ...later]);
});

test("a run is not queued on a thread of someone else", async () => {
  const db = database();
  const threadId = await givenThread(db);
  const { run_id: _, ...like } = await givenRun(db, threadId);
  const run = { ...like, run_id: randomUUID(), delete_thread: false, delaySeconds: 0 };
  expect(await insertRunOnThread(db, "grace", run, NO_SETTINGS)).toBeNull();
  expect(await findThread(db, OWNER, threadId)).toMatchObject({ status: "idle" });
});

test("a thread that was made for its run goes with it, and its checkpoints too", async () => {
  const { db, run, threadId, outcome } = await givenClaimedRun({ delete_thread: true });
  await db.query(
    "insert into checkpoints (thread_id, checkpoint_id, checkpoint, metadata) values ($1, '1', '{}', '{}')",
    [threadId],
  );
  expect(await finishRunOnThread(db, run, "success", outcome)).toBe(false);
  expect(await findThread(db, OWNER, threadId)).toBeNull();
  expect((await db.query("select from checkpoints where thread_id = $1", [threadId])).rowCount).toBe(0);
});

test("whoever has lost the lease changes neither run nor thread", async () => {
  const { db, run, threadId, outcome } = await givenClaimedRun({ delete_thread: true });
  const stale = { ...run, attempt: run.attempt - 1 };
  expect(await finishRunOnThread(db, stale, "success", outcome)).toBeNull();
  expect(await findThread(db, OWNER, threadId)).toMatchObject({ values: null });
  expect(await listUnfinishedRuns(db, threadId)).toEqual([run.run_id]);
});

async function countWaiting(db: ReturnType<typeof database>): Promise<number> {
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::integer as count from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows[0]?.count ?? 0;
}
