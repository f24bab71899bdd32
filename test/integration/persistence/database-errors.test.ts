import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  type Database,
  isDatabaseUnavailable,
  isDatabaseUnreachable,
  openDatabase,
} from "../../../src/server/persistence/database.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { execute } from "../../support/empty-database.ts";

type Provocation = (db: Database, databaseUrl: string) => Promise<unknown>;

async function opened(databaseUrl: string): Promise<Database> {
  const db = openDatabase(databaseUrl, { max: 2, onIdleError: () => undefined });
  onTestFinished(db.close);
  return db;
}

/** What the database says to a provocation, after which it still has to answer. */
async function provoke(provocation: Provocation) {
  const databaseUrl = await testDatabaseUrl();
  const db = await opened(databaseUrl);
  const error = await provocation(db, databaseUrl).then(
    () => null,
    (reason: unknown) => reason,
  );
  expect((await db.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
  return {
    code: error instanceof pg.DatabaseError ? error.code : String(error),
    isUnavailable: isDatabaseUnavailable(error),
    isUnreachable: isDatabaseUnreachable(error),
  };
}

const inTransaction =
  (...statements: readonly string[]): Provocation =>
  (db) =>
    db.transaction(async (tx) => {
      for (const statement of statements) await tx.query(statement);
    });

/** Logs in as somebody else, or elsewhere. */
const connect = async (databaseUrl: string, change: (url: URL) => void): Promise<void> => {
  const url = new URL(databaseUrl);
  change(url);
  await execute(url.href, "select 1");
};

const deadlock: Provocation = async (db) => {
  await db.query("create table pair (id int); insert into pair values (1), (2)");
  const both = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const takeBoth = (own: 0 | 1) =>
    db.transaction(async (tx) => {
      await tx.query("select from pair where id = $1 for update", [own + 1]);
      both[own]?.resolve();
      await both[1 - own]?.promise;
      await tx.query("select from pair where id = $1 for update", [2 - own]);
    });
  await Promise.all([takeBoth(0), takeBoth(1)]);
};

const crowded: Provocation = async (db, databaseUrl) => {
  const role = new URL(databaseUrl).pathname.slice(1);
  onTestFinished(() => execute(databaseUrl, `drop role ${role}`));
  await db.query(`create role ${role} login password 'secret' connection limit 0`);
  await connect(databaseUrl, (url) => {
    url.username = role;
    url.password = "secret";
  });
};

const dies =
  (sleepMs: number, statement: string): Provocation =>
  async (db) => {
    await db.transaction(async (tx) => {
      await tx.query(statement);
      await new Promise((resolve) => setTimeout(resolve, sleepMs));
      await tx.query("select 1");
    });
  };

describe("passes, and may go well the next time:", () => {
  test.each<[string, string, Provocation]>([
    [
      "a statement that takes too long",
      "57014",
      inTransaction("set local statement_timeout = 50", "select pg_sleep(5)"),
    ],
    [
      "a lock that is not free in time",
      "55P03",
      (db) =>
        db.transaction(async (tx) => {
          await tx.query("lock table threads in access exclusive mode");
          await inTransaction("set local lock_timeout = 50", "lock table threads in access exclusive mode")(
            db,
            "",
          );
        }),
    ],
    [
      "a database that is read-only",
      "25006",
      inTransaction("set transaction read only", "create table one ()"),
    ],
    ["a deadlock", "40P01", deadlock],
    ["a prepared statement that is gone", "26000", (db) => db.query("execute nothing")],
    [
      "a prepared statement that is there already",
      "42P05",
      inTransaction("prepare a as select 1", "prepare a as select 1"),
    ],
  ])("%s", async (_, code, provocation) => {
    expect(await provoke(provocation)).toEqual({ code, isUnavailable: true, isUnreachable: false });
  });
});

describe("is a database that cannot be reached:", () => {
  test.each<[string, string, Provocation]>([
    [
      "a connection that an administrator ends",
      "57P01",
      (db) => db.query("select pg_terminate_backend(pg_backend_pid())"),
    ],
    ["a role that has too many connections", "53300", crowded],
    [
      "a database that is not there",
      "3D000",
      (_, url) =>
        connect(url, (it) => {
          it.pathname = "/nowhere";
        }),
    ],
    [
      "a user that is not there",
      "",
      (_, url) =>
        connect(url, (it) => {
          it.username = "nobody";
        }),
    ],
    [
      "a port where nobody listens",
      "",
      (_, url) =>
        connect(url, (it) => {
          it.port = "1";
        }),
    ],
    [
      "a transaction that has rested for too long",
      "",
      dies(500, "set local idle_in_transaction_session_timeout = 50"),
    ],
  ])("%s", async (_, code, provocation) => {
    const { code: found, ...rest } = await provoke(provocation);
    if (code !== "") expect(found).toBe(code);
    expect(rest).toEqual({ isUnavailable: true, isUnreachable: true });
  });
});

describe("is not the database's fault, and would happen again:", () => {
  test.each<[string, string, Provocation]>([
    ["a statement with a mistake", "42601", (db) => db.query("selec 1")],
    ["a table that is not there", "42P01", (db) => db.query("select from nothing")],
    ["a value of the wrong type", "22P02", (db) => db.query("select 'x'::uuid")],
    ["a number of values that does not fit", "08P01", (db) => db.query("select $1::text", ["a", "b"])],
    [
      "a rule that is broken",
      "23514",
      inTransaction(
        "create temp table one (n int check (n > 0)) on commit drop",
        "insert into one values (0)",
      ),
    ],
    [
      "a bug",
      "Error: no",
      async () => {
        throw new Error("no");
      },
    ],
  ])("%s", async (_, code, provocation) => {
    expect(await provoke(provocation)).toEqual({ code, isUnavailable: false, isUnreachable: false });
  });
});
