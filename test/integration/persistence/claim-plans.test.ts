import { beforeEach, describe, expect, test } from "vitest";
import type { ClaimedRun } from "../../../src/server/domain/run.ts";
import type { Database, Queryable } from "../../../src/server/persistence/database.ts";
import { claimRuns, finishRun } from "../../../src/server/persistence/leases.ts";
import { sharedDatabase } from "../../support/database.ts";
import { givenRun, givenThread } from "../../support/runs.ts";

const database = sharedDatabase();

/** More than twice what a claim looks at, whatever the queue holds; a table of thousands is another matter. */
const FEW = 200;

beforeEach(async () => {
  // What is known of the table is up to each test.
  await database().query("alter table runs set (autovacuum_enabled = off)");
  await database().query("truncate runs");
});

/** Many runs at once, like one that was made in the usual way. @returns nothing: they are told by their threads */
async function queue(db: Queryable, { threads = 1, runs = 1, status = "pending" }): Promise<void> {
  const { run_id } = await givenRun(database(), await givenThread(database()));
  await db.query(
    `with model as (delete from runs where run_id = $1 returning *),
          thread as (
            insert into threads (thread_id, owner)
            select gen_random_uuid(), owner from model, generate_series(1, $2) returning thread_id)
     insert into runs (run_id, thread_id, assistant_id, owner, multitask_strategy, kwargs, status)
     select gen_random_uuid(), thread.thread_id, assistant_id, owner, multitask_strategy, kwargs, $4
       from model, thread, generate_series(1, $3) as turn
      order by turn`,
    [run_id, threads, runs, status],
  );
}

const claim = (db: Queryable, limit: number): Promise<readonly ClaimedRun[]> =>
  claimRuns(db, { workerId: "worker", leaseMs: 60_000, limit });

async function claimAndFinish(db: Queryable, limit: number): Promise<number> {
  const runs = await claim(db, limit);
  for (const run of runs) expect(await finishRun(db, run, "success")).toBe(true);
  return runs.length;
}

interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Index Recheck"?: number;
  readonly Plans?: readonly PlanNode[];
}

const nodesOf = (node: PlanNode): PlanNode[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];

/** How many rows of the table the next claim of so many reads, with the plan that this connection has by now. */
async function rowsRead(tx: Queryable, limit: number): Promise<number> {
  // Postgres decides on a plan for good after five times.
  for (let count = 0; count < 6; count++) await claimAndFinish(tx, limit);
  const { rows } = await tx.query<{ "QUERY PLAN": readonly [{ readonly Plan: PlanNode }] }>(
    `explain (analyze, format json) execute claim_${limit}_runs('worker', '60000')`,
  );
  const plan = rows[0]?.["QUERY PLAN"][0].Plan;
  if (plan === undefined) throw new Error("Postgres explained nothing");
  const scans = nodesOf(plan).filter(
    (node) => node["Relation Name"] === "runs" && node["Node Type"] !== "ModifyTable",
  );
  expect(scans.length).toBeGreaterThan(5);
  expect(scans.map((node) => node["Node Type"])).not.toContain("Seq Scan");
  const read = scans.map(
    (node) =>
      node["Actual Loops"] *
      (node["Actual Rows"] +
        (node["Rows Removed by Filter"] ?? 0) +
        (node["Rows Removed by Index Recheck"] ?? 0)),
  );
  return read.reduce((sum, rows) => sum + rows, 0);
}

/** In one transaction, and so on one connection, whose statements are prepared once. */
const onOneConnection = (work: (tx: Queryable) => Promise<void>): Promise<void> =>
  database().transaction(work);

describe("a claim reads few rows of a long queue", () => {
  type Setup = (db: Database) => Promise<void>;
  const setups: Record<string, Setup> = {
    "nothing is known of the table": async (db) => {
      await queue(db, { threads: 3000 });
    },
    "it was empty when Postgres last looked": async (db) => {
      await db.query("analyze runs");
      await queue(db, { threads: 3000 });
    },
    "all runs had ended when Postgres last looked": async (db) => {
      await queue(db, { threads: 5000, status: "success" });
      await db.query("analyze runs");
      await queue(db, { threads: 3000 });
    },
    "all of it is known": async (db) => {
      await queue(db, { threads: 3000 });
      await db.query("analyze runs");
    },
  };
  test.each(
    Object.entries(setups).flatMap(([name, setup]) => [1, 16].map((limit) => [name, limit, setup] as const)),
  )("when %s, for %i at once", async (_, limit, setup) => {
    await setup(database());
    await onOneConnection(async (tx) => {
      expect(await rowsRead(tx, limit)).toBeLessThan(FEW);
    });
  });

  test("that was short when the plan was made", async () => {
    await queue(database(), { threads: 60 });
    await database().query("analyze runs");
    await onOneConnection(async (tx) => {
      await rowsRead(tx, 1);
      await queue(tx, { threads: 3000 });
      expect(await rowsRead(tx, 1)).toBeLessThan(FEW);
    });
  });
});

describe("runs of one thread that wait behind each other", () => {
  test("do not keep a claim from those of other threads, nor make it read more", async () => {
    const db = database();
    await queue(db, { runs: 3000 });
    await queue(db, { threads: 40 });
    await onOneConnection(async (tx) => {
      const first = await claim(tx, 20);
      expect(first).toHaveLength(20);
      expect(await rowsRead(tx, 1)).toBeLessThan(FEW);
    });
  });

  test("are claimed in their order, those that come later after those that were set aside", async () => {
    const db = database();
    await queue(db, { runs: 300 });
    const { rows } = await db.query<{ run_id: string; thread_id: string }>(
      "select run_id, thread_id from runs order by seq",
    );
    const threadId = rows[0]?.thread_id ?? "";
    const [running] = await claim(db, 4);
    const { rowCount } = await db.query("select from runs where set_aside");
    expect(rowCount).toBeGreaterThan(200);
    const last = await givenRun(db, threadId);

    const claimed = [running?.run_id];
    for (let run = running; run !== undefined; [run] = await claim(db, 4)) {
      expect(await claim(db, 4)).toEqual([]);
      await finishRun(db, run, "success");
      if (run !== running) claimed.push(run.run_id);
    }
    expect(claimed).toEqual([...rows.map(({ run_id }) => run_id), last.run_id]);
  });

  test("leave their turn to a run that was created before them and becomes due", async () => {
    const db = database();
    const threadId = await givenThread(db);
    const scheduled = await givenRun(db, threadId, { delaySeconds: 60 });
    await givenRun(db, threadId);
    for (let count = 0; count < 100; count++) await givenRun(db, threadId);
    const [running] = await claim(db, 4);
    if (running === undefined) throw new Error("nothing was due");
    await db.query("update runs set available_at = now() where run_id = $1", [scheduled.run_id]);
    await finishRun(db, running, "success");
    expect((await claim(db, 4)).map(({ run_id }) => run_id)).toEqual([scheduled.run_id]);
  });

  test("wait also when the graph of the first of them may not be executed", async () => {
    const db = database();
    await queue(db, { runs: 200 });
    await claim(db, 4);
    const [{ run_id }] = (await claimedRow(db)) as [{ run_id: string }];
    await db.query(
      "update runs set status = 'success', claimed_by = null, lease_expires_at = null where run_id = $1",
      [run_id],
    );
    const options = { workerId: "worker", leaseMs: 60_000, limit: 4 };
    expect(await claimRuns(db, { ...options, exceptGraphs: ["agent"] })).toEqual([]);
    expect(await claimRuns(db, { ...options, exceptGraphs: ["other"] })).toHaveLength(1);
  });
});

const claimedRow = async (db: Database) =>
  (await db.query<{ run_id: string }>("select run_id from runs where status = 'running'")).rows;
