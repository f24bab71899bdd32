import { StartError } from "./errors.ts";
import { readDatabaseIdentity } from "./persistence/database-identity.ts";

/**
 * Makes sure that the direct way leads to the same database. In another one no lease would be found to renew, and every
 * run would be lost while it is executed.
 *
 * @param directUrl null: there is no other way
 * @throws StartError
 */
export async function requireSameDatabase(databaseUrl: string, directUrl: string | null): Promise<void> {
  if (directUrl === null) return;
  const direct = await readDatabaseIdentity(directUrl).catch((cause: Error) => {
    throw unreachable(directUrl, cause);
  });
  if (direct !== (await readDatabaseIdentity(databaseUrl))) throw mismatch(databaseUrl, directUrl);
}

const describe = (url: string): string => {
  const { host, pathname } = new URL(url);
  return `'${pathname.slice(1)}' at ${host}`;
};

const unreachable = (directUrl: string, cause: Error): StartError =>
  new StartError(
    "DATABASE_UNAVAILABLE",
    `The database ${describe(directUrl)} cannot be reached: ${cause.message || (cause as NodeJS.ErrnoException).code}`,
    ["Check DATABASE_DIRECT_URL, or unset it: without it, servers hear of each other later."],
    cause,
  );

const mismatch = (databaseUrl: string, directUrl: string): StartError =>
  new StartError(
    "DATABASE_MISMATCH",
    `DATABASE_URL leads to the database ${describe(databaseUrl)}, and DATABASE_DIRECT_URL to another one, ${describe(directUrl)}.`,
    ["Set DATABASE_DIRECT_URL to the same database without the pooler, or unset it."],
  );
