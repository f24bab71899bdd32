import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";

/** How long a notice may take to come round. */
const TIMEOUT_MS = 2000;

/**
 * Whether a connection that listens hears what others notify. Behind a pooler that gives each transaction another
 * connection it does not: what listens there is one of the pooler's, which belongs to nobody.
 */
export async function hearsNotices(
  client: pg.Client,
  databaseUrl: string,
  channel: string,
): Promise<boolean> {
  if (await isDirect(client)) return true;
  const token = randomUUID();
  const over = new AbortController();
  const heard = new Promise<boolean>((resolve) => {
    client.on("notification", ({ payload }) => {
      if (payload === token) resolve(true);
    });
  });
  // From another connection: what a connection notifies it always hears itself, wherever it listens.
  await notifyFrom(databaseUrl, channel, token);
  const silence = sleep(TIMEOUT_MS, false, { signal: over.signal }).catch(() => false);
  const isHeard = await Promise.race([heard, silence]);
  over.abort();
  return isHeard;
}

/** Poolers tell their clients of numbers that they have made up. */
async function isDirect(client: pg.Client & { readonly processID?: number | null }): Promise<boolean> {
  const { rows } = await client.query<{ pid: number }>("select pg_backend_pid() as pid");
  return rows[0]?.pid === client.processID;
}

async function notifyFrom(databaseUrl: string, channel: string, payload: string): Promise<void> {
  const other = new pg.Client({ connectionString: databaseUrl, application_name: "aegra notify" });
  other.on("error", () => undefined); // the statement says so
  await other.connect();
  try {
    await other.query("select pg_notify($1, $2)", [channel, payload]);
  } finally {
    await other.end();
  }
}
