import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { type Database, openDatabase } from "../../../src/server/persistence/database.ts";
import { sweepEphemeralThreads } from "../../../src/server/services/runs/sweep-ephemeral-threads.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

const GRAPHS = { slow: "slow.ts:graph", steps: "steps.ts:graph" };
const server = sharedServer({ graphs: GRAPHS });

/** What the job does, without its patience. */
const sweep = () => sweepEphemeralThreads({ db: server.db }, { olderThanMs: 0 });

async function isThere(threadId: string, db: Database = server.db): Promise<boolean> {
  const { rowCount } = await db.query(
    `select 1 from threads where thread_id = $1::text::uuid union all
     select 1 from checkpoints where thread_id = $1::text union all
     select 1 from checkpoint_writes where thread_id = $1::text union all
     select 1 from checkpoint_blobs where thread_id = $1::text`,
    [threadId],
  );
  return rowCount !== 0;
}

/** A thread as a crash would leave it: with checkpoints, made for a run that is not there any more. */
async function leftThread(db: Database = server.db, age = "1 hour"): Promise<string> {
  const threadId = randomUUID();
  await db.query(
    `insert into threads (thread_id, owner, ephemeral, created_at)
     values ($1, 'anonymous', true, now() - $2::interval)`,
    [threadId, age],
  );
  await db.query(
    "insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, checkpoint) values ($1, '', 'c', '{}')",
    [threadId],
  );
  return threadId;
}

describe("the thread of a stateless run", () => {
  test("is in no list and no count while the run lasts, unless it is to be kept", async () => {
    const { client } = server;
    const runs = await client.runs.createBatch([
      { assistantId: "steps", afterSeconds: 60 },
      { assistantId: "steps", afterSeconds: 60, onCompletion: "keep" as "complete" },
    ]);
    const ids = runs.map(({ thread_id }) => thread_id);
    const found = await client.threads.search({ ids });
    expect(found.map(({ thread_id }) => thread_id)).toEqual([ids[1]]);
    const everything = await client.threads.search({ limit: 1000 });
    expect(await client.threads.count()).toBe(everything.length);
    expect(everything.map(({ thread_id }) => thread_id)).not.toContain(ids[0]);
  });

  test("can be read by its id while the run lasts", async () => {
    const gate = createGate();
    const { run_id, thread_id } = await server.client.runs.create(null, "slow", {
      input: { gate: gate.name },
    });
    await gate.arrived;
    expect(await server.client.threads.get(thread_id)).toMatchObject({ status: "busy" });
    expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({ status: "running" });
    gate.open();
    await expect.poll(() => isThere(thread_id)).toBe(false);
  });
});

describe("sweeping", () => {
  test("deletes what a crash has left, and its state", async () => {
    const threadId = await leftThread();
    expect(await sweep()).toBe(1);
    expect(await isThere(threadId)).toBe(false);
    expect(await sweep()).toBe(0);
  });

  test("deletes the thread of a run whose assistant was deleted", async () => {
    const { client } = server;
    const { assistant_id } = await client.assistants.create({ graphId: "steps" });
    const { thread_id } = await client.runs.create(null, assistant_id, { afterSeconds: 60 });
    await client.assistants.delete(assistant_id);
    expect(await isThere(thread_id)).toBe(true);
    await sweep();
    expect(await isThere(thread_id)).toBe(false);
  });

  test("leaves threads whose run is to come or under way, and those of clients", async () => {
    const { client } = server;
    const gate = createGate();
    const pending = await client.runs.create(null, "steps", { afterSeconds: 60 });
    const running = await client.runs.create(null, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    const { thread_id: own } = await client.threads.create();
    const kept = await client.runs.create(null, "steps", { onCompletion: "keep" as "complete" });
    await client.runs.join(kept.thread_id, kept.run_id);
    await sweep();
    for (const threadId of [pending.thread_id, running.thread_id, own, kept.thread_id]) {
      expect(await isThere(threadId)).toBe(true);
    }
    gate.open();
    await expect.poll(() => isThere(running.thread_id)).toBe(false);
  });

  test("leaves a thread that someone is working on to them", async () => {
    const threadId = await leftThread();
    await server.db.transaction(async (tx) => {
      await tx.query("select 1 from threads where thread_id = $1 for update", [threadId]);
      expect(await sweep()).toBe(0);
    });
    expect(await sweep()).toBe(1);
  });

  test("by several servers at once deletes each thread once, however many there are", async () => {
    const threads = await Promise.all(Array.from({ length: 230 }, () => leftThread()));
    const counts = await Promise.all([sweep(), sweep(), sweep()]);
    // Whoever finds all the rest locked leaves it to the others.
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(threads.length);
    for (const threadId of threads) expect(await isThere(threadId)).toBe(false);
  });

  test("is done by the server, with patience", async () => {
    const databaseUrl = await testDatabaseUrl();
    const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
    const [old, young] = [await leftThread(db), await leftThread(db, "0 seconds")];
    await testServer({ databaseUrl, graphs: GRAPHS });
    await expect.poll(() => isThere(old, db)).toBe(false);
    expect(await isThere(young, db)).toBe(true);
    await db.close();
  });
});
