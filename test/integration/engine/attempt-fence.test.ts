import type { RunnableConfig } from "@langchain/core/runnables";
import {
  type CheckpointMetadata,
  emptyCheckpoint,
  INTERRUPT,
  type PendingWrite,
  uuid6,
} from "@langchain/langgraph-checkpoint";
import { describe, expect, test } from "vitest";
import { type Attempt, AttemptOver, type ClaimedRun } from "../../../src/server/domain/run.ts";
import { createCheckpointer } from "../../../src/server/engine/memory.ts";
import { type Database, isDatabaseUnavailable } from "../../../src/server/persistence/database.ts";
import { claimRuns, finishRun, releaseExpiredRun } from "../../../src/server/persistence/leases.ts";
import { deleteItem, putItem } from "../../../src/server/services/store.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread, OWNER } from "../../support/runs.ts";

const database = sharedDatabase();
const CALLER = { identity: OWNER };
const TASK = "11111111-1111-1111-1111-111111111111";

async function claim(db: Database): Promise<ClaimedRun> {
  const [run] = await claimRuns(db, { workerId: "worker", leaseMs: 60_000, limit: 1 });
  if (run === undefined) throw new Error("there was nothing to claim");
  return run;
}

async function claimedRun(db: Database): Promise<ClaimedRun> {
  await db.query("truncate checkpoints, checkpoint_blobs, checkpoint_writes, store");
  await givenRun(db, await givenThread(db));
  return claim(db);
}

const expire = (db: Database, { run_id }: ClaimedRun) =>
  db.query("update runs set lease_expires_at = now() - interval '1 second' where run_id = $1", [run_id]);

/** Another worker goes on with the run, in an attempt of its own. */
async function takeOver(db: Database, run: ClaimedRun): Promise<ClaimedRun> {
  await expire(db, run);
  expect(await releaseExpiredRun(db, run.run_id, "pending")).toBe(true);
  return claim(db);
}

/** What LangGraph passes on with everything that it writes for a run. */
const configOf = ({ run_id, thread_id, attempt }: ClaimedRun, checkpoint_id?: string): RunnableConfig => ({
  configurable: { thread_id, checkpoint_ns: "", ...(checkpoint_id !== undefined && { checkpoint_id }) },
  metadata: { run_id, run_attempt: attempt },
});

const CHECKPOINT = { ...emptyCheckpoint(), channel_values: { a: 1 }, channel_versions: { a: 1 } };
const METADATA: CheckpointMetadata = { source: "loop", step: 1, parents: {} };

type Write = (db: Pick<Database, "pool" | "query">, run: ClaimedRun) => Promise<unknown>;

const saverOn = ({ pool }: Pick<Database, "pool">) => createCheckpointer(pool, isDatabaseUnavailable);

const putWrites =
  (...writes: PendingWrite[]): Write =>
  (db, run) =>
    saverOn(db).putWrites(configOf(run, CHECKPOINT.id), writes, TASK);

const storeOf = (db: Pick<Database, "pool" | "query">) => ({ db: db as Database, storeTtl: null });
const ITEM = { namespace: ["a"], key: "b", value: { by: "an attempt" }, index: null, ttl: null };
const toAttempt = ({ run_id, attempt }: ClaimedRun): Attempt => ({ run_id, attempt });

const WRITES: Record<string, Write> = {
  "a checkpoint": (db, run) => saverOn(db).put(configOf(run), CHECKPOINT, METADATA, { a: 1 }),
  "the writes of a task": putWrites(["a", "one"], ["b", "two"]),
  "a question": putWrites([INTERRUPT, "asked"]),
  "an item": (db, run) => putItem(storeOf(db), CALLER, ITEM, toAttempt(run)),
};

async function everything(db: Database): Promise<unknown> {
  const tables = ["checkpoints", "checkpoint_blobs", "checkpoint_writes", "store"];
  const rows = await Promise.all(
    tables.map((table) => db.query(`select * from ${table} order by 1, 2, 3, 4`)),
  );
  return rows.map(({ rows }) => rows);
}

describe.each(Object.entries(WRITES))("%s", (_, write) => {
  test("is taken from the attempt that has the run, also a second time", async () => {
    const db = database();
    const run = await claimedRun(db);
    const before = await everything(db);
    await write(db, run);
    expect(await everything(db)).not.toEqual(before);
    await write(db, run);
  });

  test("is refused once another attempt has the run", async () => {
    const db = database();
    const lost = await claimedRun(db);
    await takeOver(db, lost);
    const before = await everything(db);
    await expect(write(db, lost)).rejects.toThrow(AttemptOver);
    expect(await everything(db)).toEqual(before);
  });

  test("leaves what the attempt after it has written", async () => {
    const db = database();
    const lost = await claimedRun(db);
    const next = await takeOver(db, lost);
    await write(db, next);
    const before = await everything(db);
    await expect(write(db, lost)).rejects.toThrow(AttemptOver);
    expect(await everything(db)).toEqual(before);
  });

  test.each<[string, (db: Database, run: ClaimedRun) => Promise<unknown>]>([
    [
      "is waiting to be claimed again",
      async (db, run) => [await expire(db, run), await releaseExpiredRun(db, run.run_id, "pending")],
    ],
    ["has ended", (db, run) => finishRun(db, run, "success")],
    [
      "was deleted with its thread",
      (db, { thread_id }) => db.query("delete from threads where thread_id = $1", [thread_id]),
    ],
  ])("is refused when the run %s", async (_, end) => {
    const db = database();
    const run = await claimedRun(db);
    await end(db, run);
    const before = await everything(db);
    await expect(write(db, run)).rejects.toThrow(AttemptOver);
    expect(await everything(db)).toEqual(before);
  });

  test("that is being written is waited for by whoever takes the run over", async () => {
    const db = database();
    const run = await claimedRun(db);
    await expire(db, run);
    const { release } = await db.transaction(async (tx) => {
      await write({ pool: tx as Database["pool"], query: tx.query.bind(tx) }, run);
      const release = releaseExpiredRun(db, run.run_id, "pending");
      await waitForBlocked(db);
      return { release };
    });
    expect(await release).toBe(true);
  });

  test("that comes while the run is being taken over waits for it, and is refused", async () => {
    const db = database();
    const run = await claimedRun(db);
    await expire(db, run);
    const before = await everything(db);
    const { late } = await db.transaction(async (tx) => {
      expect(await releaseExpiredRun(tx, run.run_id, "pending")).toBe(true);
      const late = write(db, run);
      late.catch(() => undefined);
      await waitForBlocked(db);
      return { late };
    });
    await expect(late).rejects.toThrow(AttemptOver);
    expect(await everything(db)).toEqual(before);
  });
});

test("an item is deleted by the attempt that has the run, and by no other", async () => {
  const db = database();
  const lost = await claimedRun(db);
  await putItem(storeOf(db), CALLER, ITEM);
  const next = await takeOver(db, lost);
  const remove = (run: ClaimedRun) =>
    deleteItem(storeOf(db), CALLER, ITEM.namespace, ITEM.key, toAttempt(run));
  const count = async () => (await db.query("select from store")).rowCount;

  await expect(remove(lost)).rejects.toThrow(AttemptOver);
  expect(await count()).toBe(1);
  await remove(next);
  expect(await count()).toBe(0);
  await remove(next);
});

test("clients and other programs write without an attempt", async () => {
  const db = database();
  const { thread_id } = await claimedRun(db);
  const config = { configurable: { thread_id, checkpoint_ns: "" } };
  await saverOn(db).put(config, { ...CHECKPOINT, id: uuid6(1) }, METADATA, { a: 1 });
  const tuple = await saverOn(db).getTuple(config);
  expect(tuple?.checkpoint.channel_values).toEqual({ a: 1 });
});

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
