import { Client } from "pg";
import { errorCode } from "./errors.ts";

/** A database of our own on this machine. */
export interface LocalAddress {
  readonly port: number;
  readonly password: string;
}

/** Superuser and database of every Postgres that is started here. */
export const LOCAL_NAME = "aegra";

const CONNECT_TIMEOUT_MS = 5_000;
// SQLSTATE invalid_catalog_name and duplicate_database.
const NO_SUCH_DATABASE = "3D000";
const DATABASE_EXISTS = "42P04";

/** TLS is switched off in the URL because PGSSLMODE in the user's environment would otherwise demand it. */
export const toLocalUrl = ({ port, password }: LocalAddress): string =>
  `postgres://${LOCAL_NAME}:${password}@127.0.0.1:${port}/${LOCAL_NAME}?sslmode=disable`;

/**
 * Makes sure that our database is there.
 *
 * @returns the version of the server: `18.4`
 */
export async function ensureLocalDatabase(address: LocalAddress): Promise<string> {
  try {
    return await query(address, LOCAL_NAME, "show server_version");
  } catch (error) {
    if (errorCode(error) !== NO_SUCH_DATABASE) throw error;
  }
  try {
    await query(address, "postgres", `create database ${LOCAL_NAME}`);
  } catch (error) {
    if (errorCode(error) !== DATABASE_EXISTS) throw error;
  }
  return query(address, LOCAL_NAME, "show server_version");
}

/** @returns the first column of the first row, up to its first space; empty when there is none */
async function query({ port, password }: LocalAddress, database: string, sql: string): Promise<string> {
  const client = new Client({
    host: "127.0.0.1",
    port,
    user: LOCAL_NAME,
    password,
    database,
    ssl: false,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  // A connection that breaks while idle must not end the process: the query that waits on it rejects.
  client.on("error", () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<Record<string, string>>(sql);
    return Object.values(rows[0] ?? {})[0]?.split(" ")[0] ?? "";
  } finally {
    await client.end();
  }
}
