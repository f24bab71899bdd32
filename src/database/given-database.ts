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

function toDatabaseError(error: unknown, client: Client, address: string): DatabaseError {
  const [what, ...suggestions] = explainNetwork(error, client) ??
    explainLogin(error, client) ?? [
      `Postgres cannot be used: ${messageOf(error)}`,
      "Check that a Postgres is there and that this machine may reach it.",
    ];
  return new DatabaseError(`${what} (${address}).`, suggestions, error);
}

/** What went wrong, then what to do about it. */
type Explanation = readonly [what: string, ...suggestions: string[]];

/** @returns null when the server was reached */
function explainNetwork(error: unknown, { host }: Client): Explanation | null {
  switch (errorCode(error)) {
    case "ECONNREFUSED":
    case "ENOENT":
      return [
        "Nothing listens at the database address: the connection was refused",
        "Start that Postgres, or correct host and port in the database URL.",
      ];
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return [
        `The host of the database URL is unknown: ${host} does not resolve`,
        "Correct the host in the database URL, or check your network.",
      ];
    default:
      return null;
  }
}

/**
 * @returns null when the server did not refuse the login
 * @see https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
function explainLogin(error: unknown, { host, port, user, database }: Client): Explanation | null {
  const message = messageOf(error);
  if (message.includes("client password must be a string")) {
    return [
      `Postgres asks for a password of user "${user}" and the database URL has none`,
      "Write it as postgres://user:password@host:5432/database",
    ];
  }
  switch (errorCode(error)) {
    case "28P01":
      return [
        `Postgres refused the password of user "${user}"`,
        "Correct user and password in the database URL; percent-encode special characters (@ is %40).",
      ];
    case "28000":
      return [
        `Postgres does not let user "${user}" in: ${message}`,
        "Correct the user in the database URL, or allow it in the server's pg_hba.conf.",
      ];
    case "3D000":
      return [
        `The database "${database}" does not exist`,
        `Create it: createdb --host ${host} --port ${port} --username ${user} ${database}`,
        "Or correct its name in the database URL.",
      ];
    default:
      return null;
  }
}

/** Errors of several attempts (IPv6, then IPv4) have no message of their own. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}
