import pg from "pg";
import { only } from "./database.ts";

const CONNECT_TIMEOUT_MS = 10_000;

/** Tells a database from every other one, by whatever way it is reached. Only while its Postgres runs. */
export async function readDatabaseIdentity(databaseUrl: string): Promise<string> {
  const client = new pg.Client({
    connectionString: databaseUrl,
    application_name: "aegra",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => undefined); // the statement says so
  try {
    await client.connect();
    const { rows } = await client.query<{ identity: string }>(
      `select oid || ' since ' || extract(epoch from pg_postmaster_start_time()) as identity
         from pg_database where datname = current_database()`,
    );
    return only(rows).identity;
  } finally {
    await client.end();
  }
}
