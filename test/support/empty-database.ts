import { randomUUID } from "node:crypto";
import pg from "pg";
import { inject, onTestFinished } from "vitest";

/** A database without a single table, dropped when the test ends. @returns its URL */
export async function emptyDatabaseUrl(): Promise<string> {
  const url = new URL(inject("databaseServerUrl"));
  const name = `aegra_test_${randomUUID().replaceAll("-", "")}`;
  await execute(url.href, `create database ${name}`);
  onTestFinished(() => execute(inject("databaseServerUrl"), `drop database ${name} with (force)`));
  url.pathname = `/${name}`;
  return url.href;
}

/** Runs one statement on a connection of its own. */
export async function execute(databaseUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
