import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { claimRuns, finishRun } from "../../../src/server/persistence/leases.ts";
import {
  deleteRun,
  findRun,
  finishPendingRun,
  insertRun,
  listEndedRuns,
  listRuns,
  listUnfinishedRuns,
  requestCancel,
} from "../../../src/server/persistence/runs.ts";
import { updateThreadOutcome } from "../../../src/server/persistence/threads.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread, OWNER } from "../../support/runs.ts";

const database = sharedDatabase();

const CLAIM = { workerId: "worker", leaseMs: 60_000, limit: 1 };

test("a run is found by its owner, on its thread or on whichever it is", async () => {
  const db = database();
  const run = await givenRun(db, await givenThread(db), { metadata: { a: 1 } });
  expect(await findRun(db, OWNER, run.thread_id, run.run_id)).toEqual(run);
  expect(await findRun(db, OWNER, null, run.run_id)).toEqual(run);
  expect(await findRun(db, "grace", null, run.run_id)).toBeNull();
  expect(await findRun(db, OWNER, randomUUID(), run.run_id)).toBeNull();
  expect(Object.keys(run).toSorted()).toEqual([
    "assistant_id",
    "cancel_reason",
    "created_at",
    "kwargs",
    "metadata",
    "multitask_strategy",
    "run_id",
    "status",
    "thread_id",
    "updated_at",
  ]);
});

test("a run whose id is taken is not added, and the other one stays as it is", async () => {
  const db = database();
  const run = await givenRun(db, await givenThread(db), { metadata: { a: 1 } });
  const { run_id, thread_id, assistant_id, kwargs } = run;
  const other = { run_id, thread_id, assistant_id, kwargs, metadata: { a: 2 } };
  const settings = { multitask_strategy: "enqueue", delete_thread: false, delaySeconds: 0 } as const;
  expect(await insertRun(db, OWNER, { ...other, ...settings })).toBeNull();
  expect(await findRun(db, OWNER, null, run_id)).toEqual(run);
});

test("runs are listed newest first, in pages, and by status", async () => {
  const db = database();
  const threadId = await givenThread(db);
  const ids = [];
  for (let count = 0; count < 3; count++) ids.unshift((await givenRun(db, threadId)).run_id);
  const idsOf = async (page: object) =>
    (await listRuns(db, OWNER, threadId, { limit: 10, offset: 0, ...page })).map(({ run_id }) => run_id);
  expect(await idsOf({})).toEqual(ids);
  expect(await idsOf({ limit: 1, offset: 1 })).toEqual([ids[1]]);
  await claimRuns(db, CLAIM);
  expect(await idsOf({ status: "running" })).toEqual([ids[2]]);
  expect(await listUnfinishedRuns(db, threadId)).toEqual(ids.toReversed());
});

test("a pending run can be ended, and only that one", async () => {
  const db = database();
  const threadId = await givenThread(db);
  const { run_id } = await givenRun(db, threadId, { delete_thread: true });
  expect(await requestCancel(db, run_id, { action: "interrupt", reason: "requested" })).toBe(false);
  expect(await finishPendingRun(db, run_id, "requested")).toEqual({
    thread_id: threadId,
    delete_thread: true,
    has_begun: false,
  });
  expect(await finishPendingRun(db, run_id, "requested")).toBeNull();
  expect(await claimRuns(db, CLAIM)).toEqual([]);
});

test("a running run can be asked to stop, and only that one", async () => {
  const db = database();
  const { run_id } = await givenRun(db, await givenThread(db));
  const [run] = await claimRuns(db, CLAIM);
  if (run === undefined) throw new Error("there was nothing to claim");
  expect(await finishPendingRun(db, run_id, "requested")).toBeNull();
  expect(await requestCancel(db, run_id, { action: "rollback", reason: "requested" })).toBe(true);
  await finishRun(db, run, "success");
  expect(await requestCancel(db, run_id, { action: "rollback", reason: "requested" })).toBe(false);
});

test("of some runs, those that ended or are gone are told, with what their threads look like", async () => {
  const db = database();
  const ended = await givenRun(db, await givenThread(db));
  const gone = await givenRun(db, await givenThread(db));
  const waiting = await givenRun(db, await givenThread(db));
  const interrupts = { task: [{ id: "i", value: "?" }] };
  await finishPendingRun(db, ended.run_id, "requested");
  await updateThreadOutcome(db, ended.thread_id, {
    status: "error",
    values: { a: 1 },
    interrupts,
    error: { error: "E", message: "m" },
  });
  await deleteRun(db, gone.run_id);
  const found = await listEndedRuns(db, [ended.run_id, gone.run_id, waiting.run_id]);
  expect(found.toSorted((a) => (a.run_id === ended.run_id ? -1 : 1))).toEqual([
    {
      run_id: ended.run_id,
      status: "interrupted",
      values: { a: 1 },
      interrupts,
      error: { error: "E", message: "m" },
      has_begun: false,
    },
    { run_id: gone.run_id, status: null, values: null, interrupts: null, error: null, has_begun: null },
  ]);
});

test("a status or strategy that is not known is impossible", async () => {
  const db = database();
  const { run_id } = await givenRun(db, await givenThread(db));
  for (const [column, constraint] of [
    ["status", "runs_status_known"],
    ["multitask_strategy", "runs_multitask_strategy_known"],
    ["cancel_requested", "runs_cancel_requested_known"],
  ]) {
    const update = db.query(`update runs set ${column} = 'nonsense' where run_id = $1`, [run_id]);
    await expect(update).rejects.toMatchObject({ constraint });
  }
});
