import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { isJsonObject } from "../domain/json.ts";
import { hearsNotices } from "./hears-notices.ts";

const CHANNEL = "aegra_wake";
const NOTIFY = "select set_config('synchronous_commit', 'off', true), pg_notify($1, $2)";
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_BACKOFF_MS = 5000;
const KEEP_ALIVE_MS = 10_000;
/** How long closing waits for a connection that may be dead without having been told. */
const CLOSE_TIMEOUT_MS = 1000;

const KINDS = ["runs_pending", "cancel_requested", "runs_ended", "events_written"] as const;
type Kind = (typeof KINDS)[number];

/** A payload has room for 8000 bytes. */
const MAX_IDS = 150;

/** What servers on one database tell each other: that there is something to look at, never the thing itself. */
export type Notice =
  | { readonly kind: Exclude<Kind, "events_written"> }
  | { readonly kind: "events_written"; readonly written: WrittenIds | null };

/** Runs and threads of which there is news; null in a notice for too many to name. */
export interface WrittenIds {
  readonly runs: readonly string[];
  readonly threads: readonly string[];
}

export interface Notifications extends AsyncDisposable {
  /** Tells the other servers, soon. Notices of one kind in one turn of the event loop become one. */
  send(notice: Notice): void;
}

export interface NotificationsOptions {
  /** Distinguishes this server's notices from those of others. */
  readonly instanceId: string;
  readonly onNotice: (notice: Notice) => void;
  readonly onError: (error: Error) => void;
  /** Told once when notices of other servers do not arrive, as behind a pooler that does not keep sessions. */
  readonly onDeaf?: () => void;
}

/**
 * Listens and notifies on a connection of its own, which is opened again whenever it breaks.
 *
 * A notice is a hint. It is sent after the commit it speaks of, outside any transaction that writes data,
 * because a NOTIFY in a commit keeps Postgres from committing several at once; and with
 * synchronous_commit off, since nothing is lost with it: whoever misses one polls. Off for this statement only: behind
 * a pooler, others would commit on the same connection afterwards.
 */
export function openNotifications(databaseUrl: string, options: NotificationsOptions): Notifications {
  const closing = new AbortController();
  const waiting = new Set<Kind>();
  const written = { runs: new Set<string>(), threads: new Set<string>() };
  let client: pg.Client | null = null;
  let isDeaf = false;
  let flushing: Promise<void> | null = null;

  /** One statement at a time; what comes meanwhile goes with the next one. */
  const flush = async () => {
    while (client !== null && waiting.size > 0) {
      const payload = JSON.stringify({
        from: options.instanceId,
        kinds: [...waiting],
        ...(waiting.has("events_written") && { written: takeWritten(written) }),
      });
      waiting.clear();
      await client.query(NOTIFY, [CHANNEL, payload]).catch(options.onError);
    }
    waiting.clear(); // Without a connection nobody can be told, and everybody polls.
    flushing = null;
  };

  const receive = ({ payload }: pg.Notification) => {
    const notice = parsePayload(payload);
    if (notice.from === options.instanceId) return;
    for (const kind of notice.kinds) {
      options.onNotice(kind === "events_written" ? { kind, written: notice.written } : { kind });
    }
  };

  const listenToOthers = async (candidate: pg.Client) => {
    if (options.onDeaf === undefined || isDeaf) return;
    isDeaf = (await hearsNotices(candidate, databaseUrl, CHANNEL).catch(options.onError)) === false;
    if (isDeaf && !closing.signal.aborted) options.onDeaf();
  };

  const connectionLoop = (async () => {
    for (let failures = 0; !closing.signal.aborted; failures++) {
      const candidate = new pg.Client({
        connectionString: databaseUrl,
        application_name: "aegra notify",
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        // Nothing is said here for hours, and it has to be noticed when the other side is gone without a word.
        keepAlive: true,
        keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      });
      candidate.on("notification", receive);
      const over = lostOrClosing(candidate, closing.signal);
      try {
        await Promise.race([listen(candidate), over]);
        client = candidate;
        failures = 0;
        await Promise.race([listenToOthers(candidate), over]);
        await over;
      } catch (error) {
        options.onError(error as Error);
      } finally {
        client = null;
        await withTimeout(candidate.end().catch(() => undefined)); // already broken
      }
      const backoffMs = Math.min(100 * 2 ** failures, MAX_BACKOFF_MS);
      await sleep(backoffMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  })();

  return {
    send(notice) {
      waiting.add(notice.kind);
      if (notice.kind === "events_written") {
        for (const id of notice.written?.runs ?? []) written.runs.add(id);
        for (const id of notice.written?.threads ?? []) written.threads.add(id);
      }
      flushing ??= new Promise((resolve) => {
        setImmediate(() => resolve(flush()));
      });
    },
    async [Symbol.asyncDispose]() {
      // The last notice may be that runs were handed back.
      await withTimeout(flushing);
      closing.abort();
      await connectionLoop;
    },
  };
}

async function listen(client: pg.Client): Promise<void> {
  await client.connect();
  await client.query(`listen ${CHANNEL}`);
}

/** Resolves when the server closes; rejects when the connection breaks, at whatever moment. */
const lostOrClosing = (client: pg.Client, closing: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    closing.addEventListener("abort", () => resolve(), { once: true });
    if (closing.aborted) resolve();
    // Not once: a second error that nobody listens for would end the process.
    client.on("error", reject);
    client.once("end", () => reject(new Error("the notification connection was closed")));
  });

/** Anybody who may connect may notify, so what is not one of our notices says nothing. */
function parsePayload(payload = ""): Payload {
  try {
    const notice: unknown = JSON.parse(payload);
    if (isJsonObject(notice) && Array.isArray(notice["kinds"])) {
      const { from, kinds, written } = notice;
      return {
        from,
        kinds: KINDS.filter((kind) => (kinds as unknown[]).includes(kind)),
        written: isWritten(written) ? written : null,
      };
    }
  } catch {
    // Not JSON, so not ours.
  }
  return { from: null, kinds: [], written: null };
}

interface Payload {
  readonly from: unknown;
  readonly kinds: readonly Kind[];
  readonly written: WrittenIds | null;
}

const isWritten = (value: unknown): value is WrittenIds =>
  isJsonObject(value) && Array.isArray(value["runs"]) && Array.isArray(value["threads"]);

function takeWritten({ runs, threads }: { runs: Set<string>; threads: Set<string> }): WrittenIds | null {
  const ids = runs.size + threads.size > MAX_IDS ? null : { runs: [...runs], threads: [...threads] };
  runs.clear();
  threads.clear();
  return ids;
}

async function withTimeout(work: Promise<unknown> | null): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, sleep(CLOSE_TIMEOUT_MS, undefined, { signal: over.signal })]);
  over.abort();
}
