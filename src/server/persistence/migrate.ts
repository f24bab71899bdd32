import { fileURLToPath } from "node:url";
import { runner } from "node-pg-migrate";
import pg from "pg";
import { only } from "./database.ts";

const MIGRATIONS_TABLE = "aegra_migrations";
const MIGRATIONS_DIR = fileURLToPath(new URL("./migrations", import.meta.url));

/** Arbitrary, but the same in every process: whoever holds it is the one that changes tables. */
const LOCK_ID = 2_026_112_200;

const SILENT = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Runs `work` while no other process changes the tables of this database.
 *
 * The lock is that of a transaction, which does nothing else: a pooler may give what one session does to several
 * connections, and would keep a lock of the session after it has ended.
 *
 * @param lockTimeoutMs how long to wait for another process that is changing them
 */
export async function withMigrationLock<T>(
  databaseUrl: string,
  { lockTimeoutMs }: { lockTimeoutMs: number },
  work: (client: pg.ClientBase) => Promise<T>,
): Promise<T> {
  await using holder = await connect(databaseUrl);
  await holder.client.query("begin");
  await holder.client.query(
    `select set_config('lock_timeout', $1, true), set_config('statement_timeout', '0', true),
            set_config('idle_in_transaction_session_timeout', '0', true)`,
    [`${lockTimeoutMs}ms`],
  );
  await holder.client.query("select pg_advisory_xact_lock($1)", [LOCK_ID]);
  await using worker = await connect(databaseUrl);
  return await work(worker.client);
}

/** Disposing it ends the session, and with it its transaction. */
async function connect(databaseUrl: string): Promise<AsyncDisposable & { readonly client: pg.Client }> {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: "aegra migrate" });
  // One that breaks while nothing is asked of it must not end the process: the next statement says so.
  client.on("error", () => undefined);
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** Applies what is missing, each migration whole or not at all. @returns the names of those applied */
export async function runMigrations(client: pg.ClientBase): Promise<string[]> {
  const applied = await runner({
    dbClient: client,
    dir: MIGRATIONS_DIR,
    migrationsTable: MIGRATIONS_TABLE,
    direction: "up",
    noLock: true,
    singleTransaction: true,
    logger: SILENT,
  });
  return applied.map(({ name }) => name);
}

/** Names of the migrations that a database still lacks. Changes nothing but its own bookkeeping table. */
export async function listPendingMigrations(client: pg.ClientBase): Promise<string[]> {
  const pending = await runner({
    dbClient: client,
    dir: MIGRATIONS_DIR,
    migrationsTable: MIGRATIONS_TABLE,
    direction: "up",
    noLock: true,
    dryRun: true,
    singleTransaction: true,
    logger: SILENT,
  });
  return pending.map(({ name }) => name);
}

export interface AppliedMigration {
  readonly name: string;
  readonly applied_at: Date;
}

/** Migrations a database has, oldest first; none when it has never been upgraded. */
export async function listAppliedMigrations(client: pg.ClientBase): Promise<AppliedMigration[]> {
  const { rows: found } = await client.query<{ exists: boolean }>(
    "select to_regclass($1) is not null as exists",
    [MIGRATIONS_TABLE],
  );
  if (!only(found).exists) return [];
  const { rows } = await client.query<AppliedMigration>(
    `select name, run_on as applied_at from ${MIGRATIONS_TABLE} order by id`,
  );
  return rows;
}
