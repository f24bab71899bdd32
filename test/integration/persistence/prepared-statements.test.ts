import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { findThread, lockThread } from "../../../src/server/persistence/threads.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { givenThread, OWNER } from "../../support/runs.ts";

/** Uses two statements that have names, one of them in a transaction. @returns what Postgres has prepared for them */
async function preparedBy(options: { readonly preparesStatements?: boolean }): Promise<unknown[]> {
  const db = openDatabase(await testDatabaseUrl(), { max: 1, onIdleError: () => undefined, ...options });
  onTestFinished(db.close);
  const threadId = await givenThread(db);
  expect(await findThread(db, OWNER, threadId)).toMatchObject({ thread_id: threadId });
  expect(await db.transaction((tx) => lockThread(tx, threadId))).toBe(true);
  const { rows } = await db.query("select name from pg_prepared_statements order by name");
  return rows.map(({ name }) => name);
}

test("statements with a name are prepared once a connection", async () => {
  expect(await preparedBy({})).toEqual(["find_thread", "insert_thread", "lock_thread"]);
});

test("or never, for poolers that cannot have it", async () => {
  expect(await preparedBy({ preparesStatements: false })).toEqual([]);
});
