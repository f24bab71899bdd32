import type { Logger } from "pino";
import { StartError } from "./errors.ts";
import { isDatabaseUnreachable } from "./persistence/database.ts";
import { readDatabaseStatus, upgradeDatabase } from "./upgrade-database.ts";

/**
 * Makes sure that the database has the tables this version works on.
 *
 * @param options.migrate whether to create or upgrade them; otherwise missing ones are an error
 * @throws StartError
 */
export async function ensureTables(
  databaseUrl: string,
  { migrate, log }: { readonly migrate: boolean; readonly log: Logger },
): Promise<void> {
  try {
    if (migrate) {
      const applied = await upgradeDatabase(databaseUrl);
      if (applied.length > 0) log.info({ applied }, "database upgraded");
      return;
    }
    const { pending } = await readDatabaseStatus(databaseUrl);
    if (pending.length > 0) throw outdated(pending);
  } catch (error) {
    if (error instanceof StartError) throw error;
    throw isDatabaseUnreachable(error)
      ? unavailable(databaseUrl, error as Error)
      : migrationFailed(error as Error);
  }
}

const outdated = (pending: readonly string[]): StartError =>
  new StartError("DATABASE_OUTDATED", `The database lacks migrations: ${pending.join(", ")}.`, [
    "Run `aegra db upgrade`, or start without --no-migrate.",
  ]);

const migrationFailed = (cause: Error): StartError =>
  new StartError(
    "MIGRATION_FAILED",
    `The tables could not be created or upgraded: ${cause.message}`,
    ["Run `aegra db status` to see what is missing, and correct what Postgres complains about."],
    cause,
  );

const unavailable = (databaseUrl: string, cause: Error): StartError => {
  const { host, pathname } = new URL(databaseUrl);
  return new StartError(
    "DATABASE_UNAVAILABLE",
    `The database '${pathname.slice(1)}' at ${host} cannot be reached: ${cause.message || (cause as NodeJS.ErrnoException).code}`,
    ["Check DATABASE_URL, and that Postgres is running and reachable from here."],
    cause,
  );
};
