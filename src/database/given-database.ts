import { Client } from "pg";
import type { DevDatabase } from "./dev-database.ts";
import { DatabaseError, errorCode } from "./errors.ts";

const CONNECT_TIMEOUT_MS = 8_000;

/**
 * Uses a server that is already there, after proving that it answers. Disposing it stops nothing.
 *
 * @throws DatabaseError naming host, port and database (never the password) when it cannot be used
 */
export async function openGivenDatabase(url: string): Promise<DevDatabase> {
  const client = toClient(url);
  const address = describeAddress(client);
  try {
    await client.connect();
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    // Debian's builds append their package version: "17.2 (Debian 17.2-1.pgdg120+1)".
    const version = rows[0]?.server_version.split(" ")[0] ?? "";
    return {
      url,
      kind: "url",
      description: `Postgres ${version} at ${address}`,
      [Symbol.asyncDispose]: async () => undefined,
    };
  } catch (error) {
    throw toDatabaseError(error, client, address);
  } finally {
    await client.end();
  }
}

function toClient(url: string): Client {
  try {
    const { protocol } = new URL(url);
    if (protocol === "postgres:" || protocol === "postgresql:") {
      const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
      // A connection that breaks while idle must not end the process: the query that waits on it rejects.
      client.on("error", () => undefined);
      return client;
    }
  } catch {
    // No cause: the errors of URL parsers quote their input, and with it the password.
  }
  throw new DatabaseError("The database URL is not a Postgres URL.", [
    "Write it as postgres://user:password@host:5432/database",
    "Percent-encode special characters of the password: @ is %40, / is %2F, : is %3A, # is %23.",
  ]);
}

const describeAddress = (client: Client): string =>
  client.host.startsWith("/")
    ? `socket ${client.host}, port ${client.port}, database "${client.database}"`
    : `${client.host}:${client.port}, database "${client.database}"`;

/** @see https://www.postgresql.org/docs/current/errcodes-appendix.html for the five-character codes */
function toDatabaseError(error: unknown, client: Client, address: string): DatabaseError {
  const user = `"${client.user}"`;
  const code = errorCode(error);
  const failed = (what: string, ...suggestions: string[]): DatabaseError =>
    new DatabaseError(`${what} (${address}).`, suggestions, error);

  if (code === "ECONNREFUSED" || code === "ENOENT") {
    return failed(
      "Nothing listens at the database address: the connection was refused",
      "Start that Postgres, or correct host and port in the database URL.",
    );
  }
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return failed(
      `The host of the database URL is unknown: ${client.host} does not resolve`,
      "Correct the host in the database URL, or check your network.",
    );
  }
  if (code === "28P01") {
    return failed(
      `Postgres refused the password of user ${user}`,
      "Correct user and password in the database URL; percent-encode special characters (@ is %40).",
    );
  }
  if (code === "28000") {
    return failed(
      `Postgres does not let user ${user} in: ${messageOf(error)}`,
      "Correct the user in the database URL, or allow it in the server's pg_hba.conf.",
    );
  }
  if (code === "3D000") {
    return failed(
      `The database "${client.database}" does not exist`,
      `Create it: createdb --host ${client.host} --port ${client.port} --username ${client.user} ${client.database}`,
      "Or correct the database in the database URL.",
    );
  }
  if (/client password must be a string/.test(messageOf(error))) {
    return failed(
      `Postgres asks for a password of user ${user} and the database URL has none`,
      "Write it as postgres://user:password@host:5432/database",
    );
  }
  return failed(
    `Postgres cannot be used: ${messageOf(error)}`,
    "Check that the address is a Postgres server and that this machine may reach it.",
  );
}

/** Errors of several attempts (IPv6, then IPv4) have no message of their own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
