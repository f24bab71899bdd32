import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { ClaimedRun, Fence } from "../../../src/server/domain/run.ts";
import { type Database, openDatabase } from "../../../src/server/persistence/database.ts";
import {
  claimRuns,
  finishRun,
  handBackRun,
  releaseExpiredRun,
  renewLeases,
} from "../../../src/server/persistence/leases.ts";
import { createTestDatabase, testDatabaseUrl } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const WORKERS = 12;
const connections = { max: WORKERS, onIdleError: () => undefined };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let shared: Database;

beforeAll(async () => {
  database = await createTestDatabase();
  shared = openDatabase(database.url, connections);
});

afterAll(async () => {
  await shared.close();
  await database.drop();
});

/** A queue without runs, and as many connections as there are workers. */
async function emptyQueue(): Promise<Database> {
  await shared.query("delete from threads");
  return shared;
}

const claim = (
  db: Parameters<typeof claimRuns>[0],
  { workerId = "w1", leaseMs = 30_000, limit = 100 } = {},
) => claimRuns(db, { workerId, leaseMs, limit });

async function claimOne(...args: Parameters<typeof claim>): Promise<ClaimedRun> {
  const [run, ...others] = await claim(...args);
  if (run === undefined || others.length > 0) throw new Error("expected exactly one run to be due");
  return run;
}

const claimAtOnce = async (db: Database) =>
  (
    await Promise.all(
      Array.from({ length: WORKERS }, (_, index) => claim(db, { workerId: `w${index}`, limit: 4 })),
    )
  ).flat();

const queueRun = async (db: Database, threadId: string, delaySeconds = 0): Promise<string> =>
  (await givenRun(db, threadId, { delaySeconds })).run_id;

const makeDue = (db: Database, runIds: readonly string[]) =>
  db.query("update runs set available_at = now() where run_id = any($1)", [runIds]);

const idsOf = (runs: readonly { run_id: string }[]) => runs.map(({ run_id }) => run_id).toSorted();

/** Waits until a statement is held up by another transaction. */
const waitForBlocked = (db: Database) =>
  expect
    .poll(
      async () => {
        const { rows } = await db.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rows.length;
      },
      { interval: 5, timeout: 10_000 },
    )
    .toBe(1);

describe("many workers that claim at once", () => {
  test("execute every run once, never two of one thread at a time, each thread in its order", async () => {
    const db = await emptyQueue();
    const queued = new Map<string, string[]>();
    for (let index = 0; index < 10; index++) {
      const threadId = await givenThread(db);
      const runs: string[] = [];
      for (let turn = 0; turn < 3; turn++) runs.push(await queueRun(db, threadId));
      queued.set(threadId, runs);
    }
    const executed = new Map<string, string[]>([...queued.keys()].map((threadId) => [threadId, []]));
    for (let left = 30; left > 0; ) {
      const claimed = await claimAtOnce(db);
      expect(claimed.length, "someone gets something").toBeGreaterThan(0);
      expect(new Set(claimed.map(({ thread_id }) => thread_id)).size).toBe(claimed.length);
      for (const { thread_id, run_id } of claimed) executed.get(thread_id)?.push(run_id);
      expect(await Promise.all(claimed.map((run) => finishRun(db, run, "success")))).not.toContain(false);
      left -= claimed.length;
    }
    expect(executed).toEqual(queued);
  });

  test("leave a thread to one of them when a scheduled run becomes due at that moment", async () => {
    const db = await emptyQueue();
    for (let round = 0; round < 30; round++) {
      const threadId = await givenThread(db);
      const scheduled = await queueRun(db, threadId, 60);
      await queueRun(db, threadId);
      const [claimed] = await Promise.all([claimAtOnce(db), makeDue(db, [scheduled])]);
      expect(claimed).toHaveLength(1);
      await db.query("delete from threads");
    }
  });
});

describe("of two transactions that both take a run of one thread", () => {
  /**
   * The first has taken a run and is still open; then an earlier run of that thread becomes due, and the
   * second, which cannot see what the first did, takes it.
   */
  async function race(db: Database, end: (second: Promise<readonly ClaimedRun[]>) => void) {
    const threadId = await givenThread(db);
    const scheduled = await queueRun(db, threadId, 60);
    const due = await queueRun(db, threadId);
    const first = db.transaction(async (tx) => {
      const run = await claimOne(tx);
      await makeDue(db, [scheduled]);
      const second = claim(db, { workerId: "w2" });
      await waitForBlocked(db);
      end(second);
      return { run, second };
    });
    return { scheduled, due, first };
  }

  test("the index refuses the second, which reads it as nothing to do", async () => {
    const db = await emptyQueue();
    const { due, first } = await race(db, () => undefined);
    const { run, second } = await first;
    expect(run.run_id).toBe(due);
    expect(await second).toEqual([]);
  });

  test("the second gets its run when the first is rolled back", async () => {
    const db = await emptyQueue();
    let second: Promise<readonly ClaimedRun[]> | null = null;
    const { scheduled, first } = await race(db, (claiming) => {
      second = claiming;
      throw new Error("no commit");
    });
    await expect(first).rejects.toThrow("no commit");
    expect(idsOf((await second) ?? [])).toEqual([scheduled]);
  });

  test("both would have theirs without the index", async () => {
    const db = openDatabase(await testDatabaseUrl(), connections);
    onTestFinished(() => db.close());
    await db.query("drop index runs_one_running_per_thread");
    const threadId = await givenThread(db);
    const scheduled = await queueRun(db, threadId, 60);
    await queueRun(db, threadId);
    const claimed = await db.transaction(async (tx) => {
      const first = await claim(tx);
      await makeDue(db, [scheduled]);
      return [...first, ...(await claim(db, { workerId: "w2" }))];
    });
    expect(claimed.map(({ thread_id }) => thread_id)).toEqual([threadId, threadId]);
  });
});

test("two claims that wait for each other end without an error, and one of them has its runs", async () => {
  const db = await emptyQueue();
  const threads = await Promise.all(Array.from({ length: 10 }, () => givenThread(db)));
  const scheduled = await Promise.all(threads.map((threadId) => queueRun(db, threadId, 60)));
  const due = await Promise.all(threads.map((threadId) => queueRun(db, threadId)));
  const { second } = await db.transaction(async (tx) => {
    await claimOne(tx, { limit: 1 });
    await makeDue(db, scheduled);
    // By the time it comes to the thread that is taken, it has most likely taken runs of others.
    const second = claim(db, { workerId: "w2" });
    await waitForBlocked(db);
    await tx.query(
      `update runs set status = 'running', claimed_by = 'w1', lease_expires_at = now() + interval '1 minute'
        where run_id = any($1)`,
      [due],
    );
    return { second };
  });
  expect(await second).toEqual([]);
  expect(idsOf(await renewLeases(db, "w1", { leaseMs: 30_000, maxAgeMs: 30_000 }))).toEqual(due.toSorted());
});

describe("of many who do the same to a run at once, one gets through:", () => {
  const writes: Record<string, (db: Database, fence: Fence) => Promise<boolean>> = {
    "those who finish it": (db, fence) => finishRun(db, fence, "success"),
    "those who hand it back": handBackRun,
    "those who release it": (db, { run_id }) => releaseExpiredRun(db, run_id, "error"),
  };

  test.each(Object.entries(writes))("%s", async (_, write) => {
    const db = await emptyQueue();
    for (let round = 0; round < 10; round++) {
      await queueRun(db, await givenThread(db));
      const run = await claimOne(db, { leaseMs: 0 });
      const wins = await Promise.all(Array.from({ length: WORKERS }, () => write(db, run)));
      expect(wins.filter(Boolean)).toHaveLength(1);
      await db.query("delete from threads");
    }
  });
});

describe("the table refuses", () => {
  test.each([
    ["a running run without a worker", "status = 'running', lease_expires_at = now()"],
    ["a running run without a lease", "status = 'running', claimed_by = 'w1'"],
    ["a pending run with a worker and a lease", "claimed_by = 'w1', lease_expires_at = now()"],
    ["a pending run with a worker", "claimed_by = 'w1'"],
    ["a finished run with a lease", "status = 'success', lease_expires_at = now()"],
  ])("%s", async (_, change) => {
    const db = await emptyQueue();
    await queueRun(db, await givenThread(db));
    await expect(db.query(`update runs set ${change}`)).rejects.toMatchObject({
      code: "23514",
      constraint: "runs_running_has_a_lease",
    });
  });
});
