import pg from "pg";
import { migrateLangGraphTables } from "./engine/memory.ts";
import {
  type AppliedMigration,
  listAppliedMigrations,
  listPendingMigrations,
  runMigrations,
  withMigrationLock,
} from "./persistence/migrate.ts";

/** How long to wait for another process that is upgrading the same database. */
const LOCK_TIMEOUT_MS = 60_000;

/** Creates or upgrades all tables: the server's and LangGraph's. @returns what was applied */
export function upgradeDatabase(
  databaseUrl: string,
  { lockTimeoutMs = LOCK_TIMEOUT_MS }: { readonly lockTimeoutMs?: number } = {},
): Promise<string[]> {
  return withMigrationLock(databaseUrl, { lockTimeoutMs }, async (client) => {
    const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
    try {
      await migrateLangGraphTables(pool, databaseUrl);
    } finally {
      await pool.end();
    }
    // Afterwards, since they add to LangGraph's tables.
    return runMigrations(client);
  });
}

export interface DatabaseStatus {
  readonly applied: readonly AppliedMigration[];
  /** Names of migrations that `upgradeDatabase` would apply. */
  readonly pending: readonly string[];
}

export function readDatabaseStatus(databaseUrl: string): Promise<DatabaseStatus> {
  return withMigrationLock(databaseUrl, { lockTimeoutMs: LOCK_TIMEOUT_MS }, async (client) => ({
    applied: await listAppliedMigrations(client),
    pending: await listPendingMigrations(client),
  }));
}
