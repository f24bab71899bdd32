import { expect, test } from "vitest";
import type { Database } from "../../../src/server/persistence/database.ts";
import { claimRuns } from "../../../src/server/persistence/leases.ts";
import { cancelUnfinishedRun } from "../../../src/server/services/runs/cancel-run.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const database = sharedDatabase();

/** Waits until a statement is held up by another transaction. */
const waitForBlocked = (db: Database) =>
  expect
    .poll(
      async () => {
        const { rowCount } = await db.query(
          "select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
        );
        return rowCount;
      },
      { interval: 5, timeout: 10_000 },
    )
    .toBe(1);

test("a run that is claimed at the moment at which it is cancelled is told to stop", async () => {
  const db = database();
  const { run_id } = await givenRun(db, await givenThread(db));

  let cancelled: Promise<unknown> = Promise.resolve();
  await db.transaction(async (claiming) => {
    expect(await claimRuns(claiming, { workerId: "w1", leaseMs: 30_000, limit: 1 })).toHaveLength(1);
    cancelled = db.transaction((tx) =>
      cancelUnfinishedRun(tx, run_id, { action: "interrupt", reason: "test" }),
    );
    await waitForBlocked(db);
  });
  expect(await cancelled).toBeNull();

  const { rows } = await db.query("select status, cancel_requested from runs where run_id = $1", [run_id]);
  expect(rows).toEqual([{ status: "running", cancel_requested: "interrupt" }]);
});
