import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { cliProject, runCli } from "../../support/cli.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { emptyDatabaseUrl, execute } from "../../support/empty-database.ts";

test("with a URL no project is needed, and a failed upgrade tells what Postgres said", async () => {
  const databaseUrl = await emptyDatabaseUrl();
  await execute(databaseUrl, "create table runs (mine text)");
  const cwd = await cliProject({});
  const { code, stdout } = await runCli({ cwd }, "db", "upgrade", "--json", "--database-url", databaseUrl);
  expect(code).toBe(25);
  expect(JSON.parse(stdout).error).toMatchObject({
    code: "MIGRATION_FAILED",
    message: expect.stringContaining('relation "runs" already exists'),
  });
});

test("an upgrade waits for another one for as long as it is told", async () => {
  const databaseUrl = await testDatabaseUrl();
  const other = new pg.Client({ connectionString: databaseUrl });
  await other.connect();
  onTestFinished(() => other.end());
  await other.query("select pg_advisory_lock(2026112200)");

  const cwd = await cliProject({});
  const env = { DATABASE_URL: databaseUrl };
  const { code, stderr } = await runCli({ cwd, env }, "db", "upgrade", "--lock-timeout", "1");
  expect(code).toBe(25);
  expect(stderr).toContain("--lock-timeout");
});

test("a database that does not exist ends with 3, and its password is not printed", async () => {
  const url = new URL(await testDatabaseUrl());
  url.pathname = "/there_is_none";
  const cwd = await cliProject({});
  const { code, stdout, stderr } = await runCli({ cwd }, "db", "status", "--database-url", url.href);
  expect(code).toBe(3);
  expect(stderr).toContain("there_is_none");
  if (url.password !== "") expect(stdout + stderr).not.toContain(url.password);
});
