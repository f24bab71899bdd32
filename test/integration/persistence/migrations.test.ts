import { randomUUID } from "node:crypto";
import { readdirSync } from "node:fs";
import path from "node:path";
import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { readDatabaseStatus, upgradeDatabase } from "../../../src/server/upgrade-database.ts";

const MIGRATIONS = readdirSync(
  path.resolve(import.meta.dirname, "../../../src/server/persistence/migrations"),
)
  .map((file) => path.parse(file).name)
  .toSorted();

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** A database with nothing in it. */
async function emptyDatabase(): Promise<string> {
  const server = inject("databaseServerUrl");
  const name = `aegra_test_${randomUUID().replaceAll("-", "")}`;
  await query(server, `create database ${name}`);
  onTestFinished(async () => void (await query(server, `drop database ${name} with (force)`)));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}

const tablesOf = async (url: string) =>
  (await query(url, "select tablename from pg_tables where schemaname = 'public' order by 1")).map(
    ({ tablename }) => tablename,
  );

test("an empty database gets all tables, the server's and LangGraph's, and is then up to date", async () => {
  const url = await emptyDatabase();
  expect(await readDatabaseStatus(url)).toEqual({ applied: [], pending: MIGRATIONS });
  expect(await upgradeDatabase(url)).toEqual(MIGRATIONS);
  expect(await tablesOf(url)).toEqual(
    expect.arrayContaining([
      "assistants",
      "assistant_versions",
      "threads",
      "runs",
      "checkpoints",
      "checkpoint_blobs",
      "checkpoint_writes",
      "store",
    ]),
  );
  const { applied, pending } = await readDatabaseStatus(url);
  expect(applied.map(({ name }) => name)).toEqual(MIGRATIONS);
  expect(applied[0]?.applied_at).toBeInstanceOf(Date);
  expect(pending).toEqual([]);
});

test("upgrading again changes nothing", async () => {
  const url = await emptyDatabase();
  await upgradeDatabase(url);
  await query(url, "insert into threads (thread_id, owner) values (gen_random_uuid(), 'ada')");
  expect(await upgradeDatabase(url)).toEqual([]);
  expect(await query(url, "select owner from threads")).toEqual([{ owner: "ada" }]);
});

test("of servers that upgrade at the same time one does it, and the others find it done", async () => {
  const url = await emptyDatabase();
  const applied = await Promise.all([1, 2, 3].map(() => upgradeDatabase(url)));
  expect(applied.toSorted((a, b) => b.length - a.length)).toEqual([MIGRATIONS, [], []]);
});

test("whoever cannot get the lock in time is told so", async () => {
  const url = await emptyDatabase();
  await upgradeDatabase(url);
  const holder = new pg.Client({ connectionString: url });
  await holder.connect();
  onTestFinished(() => holder.end());
  // The lock that every process takes, seen from outside: whatever is held while one upgrades.
  await holder.query("begin; lock table aegra_migrations in access exclusive mode");
  const blocked = upgradeDatabase(url).then(() => "upgraded");
  const second = upgradeDatabase(url, { lockTimeoutMs: 100 });
  await expect(second).rejects.toThrow(/lock timeout/);
  await holder.query("rollback");
  expect(await blocked).toBe("upgraded");
});

test("looking at a database leaves nothing behind but the list of migrations", async () => {
  const url = await emptyDatabase();
  await readDatabaseStatus(url);
  expect((await tablesOf(url)).filter((table) => table !== "aegra_migrations")).toEqual([]);
});
