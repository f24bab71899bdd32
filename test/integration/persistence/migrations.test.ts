import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { PostgresStore } from "@langchain/langgraph-checkpoint-postgres/store";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { withMigrationLock } from "../../../src/server/persistence/migrate.ts";
import { readDatabaseStatus, upgradeDatabase } from "../../../src/server/upgrade-database.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { emptyDatabaseUrl, execute } from "../../support/empty-database.ts";

const MIGRATIONS = path.resolve(import.meta.dirname, "../../../src/server/persistence/migrations");
const files = (await readdir(MIGRATIONS)).filter((file) => file.endsWith(".sql")).toSorted();
const names = files.map((file) => path.basename(file, ".sql"));

const OURS = ["assistant_versions", "assistants", "runs", "threads"];
const LANGGRAPHS = ["checkpoint_blobs", "checkpoint_migrations", "checkpoint_writes", "checkpoints", "store"];

async function query<T extends object>(databaseUrl: string, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

const tablesOf = async (databaseUrl: string): Promise<string[]> => {
  const rows = await query<{ tablename: string }>(
    databaseUrl,
    "select tablename from pg_tables where schemaname = 'public' order by tablename collate \"C\"",
  );
  return rows.map(({ tablename }) => tablename);
};

/** Everything that the tables are made of, and which of LangGraph's own migrations there are. */
const schemaOf = async (databaseUrl: string) => ({
  columns: await query(
    databaseUrl,
    `select table_name, column_name, data_type, is_nullable, column_default
       from information_schema.columns where table_schema = 'public' order by 1, 2`,
  ),
  indexes: await query(
    databaseUrl,
    "select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1",
  ),
  constraints: await query(
    databaseUrl,
    `select conname, pg_get_constraintdef(oid) as definition
       from pg_constraint where connamespace = 'public'::regnamespace order by 1`,
  ),
  langGraph: await query(databaseUrl, "select * from checkpoint_migrations order by 1"),
});

describe("an empty database", () => {
  test("lacks all migrations, and gets none of the tables by being asked", async () => {
    const url = await emptyDatabaseUrl();
    expect(await readDatabaseStatus(url)).toEqual({ applied: [], pending: names });
    const tables = await tablesOf(url);
    expect(tables.filter((table) => table !== "aegra_migrations")).toEqual([]);
  });

  test("has all tables after an upgrade, and nothing to do in the next", async () => {
    const url = await emptyDatabaseUrl();
    expect(await upgradeDatabase(url)).toEqual(names);
    expect(await tablesOf(url)).toEqual(expect.arrayContaining([...OURS, ...LANGGRAPHS]));

    const { applied, pending } = await readDatabaseStatus(url);
    expect(applied.map(({ name }) => name)).toEqual(names);
    expect(applied[0]?.applied_at).toBeInstanceOf(Date);
    expect(pending).toEqual([]);

    await execute(url, "insert into threads (thread_id, owner) values (gen_random_uuid(), 'ada')");
    const before = await schemaOf(url);
    expect(await upgradeDatabase(url)).toEqual([]);
    expect(await schemaOf(url)).toEqual(before);
    expect(await query(url, "select owner from threads")).toEqual([{ owner: "ada" }]);
  });

  test("can be upgraded by several processes at once: one does it, the others find it done", async () => {
    const url = await emptyDatabaseUrl();
    const applied = await Promise.all([upgradeDatabase(url), upgradeDatabase(url), upgradeDatabase(url)]);
    expect(applied.toSorted((a, b) => a.length - b.length)).toEqual([[], [], names]);
    expect((await readDatabaseStatus(url)).pending).toEqual([]);
  });
});

test("every index and constraint that a migration names is there", async () => {
  const url = await testDatabaseUrl();
  const sql = (await Promise.all(files.map((file) => readFile(path.join(MIGRATIONS, file), "utf8")))).join();
  const named = (pattern: RegExp) => [...sql.matchAll(pattern)].map(([, name = ""]) => name).toSorted();
  const indexes = named(/create (?:unique )?index (\w+)/g);
  const constraints = named(/constraint (\w+)\s+check/g);
  expect(indexes).toContain("runs_one_running_per_thread");
  expect(constraints).toContain("runs_running_has_a_lease");

  const { indexes: there, constraints: kept } = await schemaOf(url);
  expect(there.map((row) => (row as { indexname: string }).indexname)).toEqual(
    expect.arrayContaining(indexes),
  );
  expect(kept.map((row) => (row as { conname: string }).conname)).toEqual(
    expect.arrayContaining(constraints),
  );
  expect(there).toContainEqual({
    indexname: "runs_one_running_per_thread",
    indexdef: expect.stringMatching(
      /^CREATE UNIQUE INDEX .*\(thread_id\) WHERE \(status = 'running'::text\)$/,
    ),
  });
});

test("LangGraph finds nothing to set up any more", async () => {
  const url = await testDatabaseUrl();
  const before = await schemaOf(url);
  const saver = PostgresSaver.fromConnString(url);
  const store = PostgresStore.fromConnString(url);
  onTestFinished(async () => {
    await saver.end();
    await store.stop();
  });
  await saver.setup();
  await store.setup();
  expect(await schemaOf(url)).toEqual(before);
});

test("a migration that fails leaves nothing of ours behind, and can be repeated once the reason is gone", async () => {
  const url = await emptyDatabaseUrl();
  await execute(url, "create table runs (of_somebody_else text)");
  await expect(upgradeDatabase(url)).rejects.toThrow(/relation "runs" already exists/);
  expect((await tablesOf(url)).filter((table) => OURS.includes(table))).toEqual(["runs"]);
  expect((await readDatabaseStatus(url)).pending).toEqual(names);

  await execute(url, "drop table runs");
  expect(await upgradeDatabase(url)).toEqual(names);
});

describe("while another process changes the tables", () => {
  test("an upgrade waits, and then gives up with the reason", async () => {
    const url = await emptyDatabaseUrl();
    await withMigrationLock(url, { lockTimeoutMs: 1000 }, async () => {
      await expect(upgradeDatabase(url, { lockTimeoutMs: 50 })).rejects.toMatchObject({
        code: "55P03",
        message: "canceling statement due to lock timeout",
      });
    });
    expect(await upgradeDatabase(url, { lockTimeoutMs: 50 })).toEqual(names);
  });

  test("an upgrade goes on as soon as the other is done, even if that failed", async () => {
    const url = await emptyDatabaseUrl();
    const { promise: end, reject } = Promise.withResolvers<never>();
    const { promise: held, resolve: hold } = Promise.withResolvers<void>();
    const other = withMigrationLock(url, { lockTimeoutMs: 1000 }, () => {
      hold();
      return end;
    });
    await held;
    const upgrade = upgradeDatabase(url);
    reject(new Error("the other gives up"));
    await expect(other).rejects.toThrow("the other gives up");
    expect(await upgrade).toEqual(names);
  });

  test("another database on the same server is not held up", async () => {
    const [one, another] = [await emptyDatabaseUrl(), await emptyDatabaseUrl()];
    await withMigrationLock(one, { lockTimeoutMs: 1000 }, async () => {
      expect(await upgradeDatabase(another, { lockTimeoutMs: 50 })).toEqual(names);
    });
  });
});
