import { realpath } from "node:fs/promises";
import path from "node:path";
import pg from "pg";
import { findBinaries } from "../../src/database/embedded/binaries.ts";
import { openEmbeddedDatabase } from "../../src/database/embedded/open-embedded-database.ts";
import { acquireProjectLock } from "../../src/database/project-lock.ts";
import { parentOf } from "./cpu-time.ts";

export interface BenchPostgres extends AsyncDisposable {
  readonly description: string;
  /** The process that all others of it are children of; null where the system does not tell. */
  readonly pid: number | null;
  /** @returns the URL of an empty database */
  createDatabase(): Promise<string>;
  /** Counts statements from now on, which costs a little; otherwise none are. */
  startCounting(databaseUrl: string): Promise<void>;
  /** Statements since counting began, BEGIN and COMMIT included. */
  countStatements(databaseUrl: string): Promise<number>;
  /**
   * Rows inserted, updated and deleted, without the pieces that large values are kept in. A connection that goes
   * idle tells of its last ones after ten seconds.
   */
  countRowsWritten(databaseUrl: string): Promise<number>;
}

const SETTINGS = {
  shared_preload_libraries: "pg_stat_statements",
  "pg_stat_statements.track": "none",
  max_connections: "200",
};

/**
 * Starts the Postgres that a project without one gets too, with its usual settings: what is written is
 * synced. Its data stay in `.aegra`, so that a benchmark that was killed is cleaned up after by the next one.
 */
export async function openPostgres(): Promise<BenchPostgres> {
  const root = await realpath(path.join(import.meta.dirname, ".."));
  const found = await findBinaries(root);
  if (found.kind === "missing") throw new Error(`the benchmark needs the embedded Postgres: ${found.why}`);
  await using started = new AsyncDisposableStack();
  started.use(await acquireProjectLock(root, null));
  const database = started.use(
    await openEmbeddedDatabase({
      projectRoot: root,
      binaries: found.binaries,
      settings: SETTINGS,
      onProgress: () => undefined,
    }),
  );
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  started.defer(() => admin.end());
  await admin.query("create extension if not exists pg_stat_statements");
  const running = started.move();
  return {
    description: `Postgres ${await firstOf(admin, "show server_version", [])}`,
    pid: await parentOf(Number(await firstOf(admin, "select pg_backend_pid()", []))),
    ...operationsOn(admin, database.url),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

function operationsOn(
  admin: pg.Client,
  serverUrl: string,
): Omit<BenchPostgres, "description" | "pid" | keyof AsyncDisposable> {
  let databases = 0;
  return {
    async createDatabase() {
      databases += 1;
      const name = `aegra_bench_${databases}`;
      await admin.query(`drop database if exists ${name} with (force)`);
      await admin.query(`create database ${name}`);
      const url = new URL(serverUrl);
      url.pathname = `/${name}`;
      return url.href;
    },
    async startCounting(databaseUrl) {
      await admin.query(`alter database ${nameOf(databaseUrl)} set pg_stat_statements.track = 'top'`);
    },
    countStatements: async (databaseUrl) =>
      Number(
        await firstOf(
          admin,
          `select coalesce(sum(calls), 0) from pg_stat_statements
            where dbid = (select oid from pg_database where datname = $1)`,
          [nameOf(databaseUrl)],
        ),
      ),
    async countRowsWritten(databaseUrl) {
      const client = new pg.Client({ connectionString: databaseUrl });
      await client.connect();
      try {
        return Number(
          await firstOf(client, "select sum(n_tup_ins + n_tup_upd + n_tup_del) from pg_stat_user_tables", []),
        );
      } finally {
        await client.end();
      }
    },
  };
}

const nameOf = (databaseUrl: string): string => new URL(databaseUrl).pathname.slice(1);

async function firstOf(client: pg.Client, sql: string, values: readonly string[]): Promise<unknown> {
  const { rows } = await client.query<unknown[]>({ text: sql, values: [...values], rowMode: "array" });
  return rows[0]?.[0];
}
