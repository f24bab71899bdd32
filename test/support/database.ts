import { randomUUID } from "node:crypto";
import pg from "pg";
import { beforeAll, beforeEach, inject, onTestFinished } from "vitest";
import { type Database, openDatabase } from "../../src/server/persistence/database.ts";
import { upgradeDatabase } from "../../src/server/upgrade-database.ts";

const TEMPLATE = "aegra_test_template";

/** A fresh database with all tables. The caller drops it. */
export async function createTestDatabase(): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const server = inject("databaseServerUrl");
  await withAdmin(server, ensureTemplate);
  const name = `aegra_test_${randomUUID().replaceAll("-", "")}`;
  await withAdmin(server, (admin) => admin.query(`create database ${name} template ${TEMPLATE}`));
  return {
    url: withDatabase(server, name),
    drop: () =>
      withAdmin(server, async (admin) => void (await admin.query(`drop database ${name} with (force)`))),
  };
}

/** A fresh database with all tables, dropped when the test ends. @returns its URL */
export async function testDatabaseUrl(): Promise<string> {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  return database.url;
}

/** One opened database for all tests of a file, each of which finds the server's tables empty. */
export function sharedDatabase(): () => Database {
  let db: Database | null = null;
  beforeAll(async () => {
    const database = await createTestDatabase();
    const opened = openDatabase(database.url, { max: 5, onIdleError: () => undefined });
    db = opened;
    return async () => {
      await opened.close();
      await database.drop();
    };
  });
  beforeEach(async () => void (await db?.query("truncate assistants, threads cascade")));
  return () => {
    if (db === null) throw new Error("the shared database is there once tests run");
    return db;
  };
}

/** Files run in processes of their own; the first one makes the template, the others wait for it. */
async function ensureTemplate(admin: pg.Client): Promise<void> {
  await admin.query("select pg_advisory_lock(1)");
  const { rowCount } = await admin.query("select 1 from pg_database where datname = $1", [TEMPLATE]);
  if (rowCount === 1) return;
  await admin.query(`create database ${TEMPLATE}_new`);
  await upgradeDatabase(withDatabase(inject("databaseServerUrl"), `${TEMPLATE}_new`));
  await admin.query(`alter database ${TEMPLATE}_new rename to ${TEMPLATE}`);
}

async function withAdmin<T>(server: string, work: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: server });
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.end();
  }
}

function withDatabase(server: string, name: string): string {
  const url = new URL(server);
  url.pathname = `/${name}`;
  return url.href;
}
