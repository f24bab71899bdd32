import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { createOutbox, type Notice, type Presence, parsePayload } from "./notices.ts";

const CHANNEL = "aegra_wake";
const CONNECT_TIMEOUT_MS = 10_000;
const MAX_BACKOFF_MS = 5000;
const KEEP_ALIVE_MS = 10_000;
/** How long closing waits for a connection that may be dead without having been told. */
const CLOSE_TIMEOUT_MS = 1000;

/** How often a server says hello, at the most and at the least: it begins with the former. */
const HELLO_MS = { first: 250, last: 60_000 };
/** So many of its own hellos in a row that it does not hear are no accident. */
const DEAF_AFTER = 4;
/** A server that has said nothing for so long is gone. */
const PEER_MS = 3 * HELLO_MS.last;

export interface Notifications extends AsyncDisposable {
  /** Tells the other servers, soon. Notices of one kind in one turn of the event loop become one. */
  send(notice: Notice): void;
}

export interface NotificationsOptions {
  /** Distinguishes this server's notices from those of others. */
  readonly instanceId: string;
  /** Sends payloads on another connection, which shows whether this one hears them. */
  readonly notify: (channel: string, payloads: readonly string[]) => Promise<void>;
  /**
   * Told whether notices are heard. A connection that is open need not hear any: behind a pooler, others may get
   * what it listens for.
   */
  readonly onHearing: (isHearing: boolean) => void;
  /** Told of a server that was not there before. */
  readonly onPeer: () => void;
  readonly onNotice: (notice: Notice) => void;
  readonly onError: (error: Error) => void;
  /** Told once when notices do not arrive although there is a connection, as behind a pooler that keeps no sessions. */
  readonly onDeaf?: () => void;
}

/**
 * Listens and notifies on a connection of its own, which is opened again whenever it breaks.
 *
 * A notice is a hint. It is sent after the commit it speaks of, outside any transaction that writes data,
 * because a NOTIFY in a commit keeps Postgres from committing several at once; and with
 * synchronous_commit off, since nothing is lost with it: whoever misses one polls. A server that hears, and hears
 * of no other one, sends none. Off for this statement only: behind a pooler, others would commit on the same
 * connection afterwards.
 */
export function openNotifications(databaseUrl: string, options: NotificationsOptions): Notifications {
  const closing = new AbortController();
  const outbox = createOutbox(options.instanceId);
  /** When each other server was last heard. */
  const peers = new Map<unknown, number>();
  let isHearing = false;
  let isHelloHeard = false;
  let isDeaf = false;
  let client: pg.Client | null = null;
  let flushing: Promise<void> | null = null;

  const setHearing = (value: boolean) => {
    if (value !== isHearing) options.onHearing(value);
    isHearing = value;
  };

  const isAlone = (): boolean => {
    for (const [peer, heardMs] of peers) if (performance.now() - heardMs > PEER_MS) peers.delete(peer);
    return isHearing && peers.size === 0;
  };

  /** One statement at a time; what comes meanwhile goes with the next one. */
  const flush = async () => {
    while (!outbox.isEmpty()) {
      const payloads = outbox.take();
      const sent =
        client === null
          ? options.notify(CHANNEL, payloads).catch(() => undefined) // nobody can be told, and everybody polls
          : client.query(NOTIFY, [CHANNEL, payloads]).catch(options.onError);
      await sent;
    }
    flushing = null;
  };

  const flushSoon = () => {
    flushing ??= new Promise((resolve) => {
      setImmediate(() => resolve(flush()));
    });
  };

  const present = (presence: Presence) => {
    outbox.addPresence(presence);
    flushSoon();
  };

  const meet = (from: unknown, presences: readonly Presence[]) => {
    const isNew = !peers.has(from);
    peers.set(from, performance.now());
    if (presences.includes("bye")) peers.delete(from);
    else if (isNew) options.onPeer();
    if (presences.includes("hello")) present("here");
  };

  const receive = ({ payload }: pg.Notification) => {
    const { from, presences, notices } = parsePayload(payload);
    if (from === null) return;
    if (from !== options.instanceId) {
      meet(from, presences);
      for (const notice of notices) options.onNotice(notice);
    } else if (presences.includes("hello")) {
      isHelloHeard = true;
      setHearing(true);
    }
  };

  const beDeaf = () => {
    if (!isDeaf) options.onDeaf?.();
    isDeaf = true;
  };

  /** Says hello on another connection again and again: who hears the own one hears those of others. */
  const keepHearing = async (over: AbortSignal) => {
    const payload = JSON.stringify({ from: options.instanceId, kinds: ["hello"] });
    let unheard = 0;
    for (let pauseMs = HELLO_MS.first; !over.aborted; pauseMs = Math.min(2 * pauseMs, HELLO_MS.last)) {
      isHelloHeard = false;
      const isSaid = await options.notify(CHANNEL, [payload]).then(
        () => true,
        () => false,
      );
      await sleep(pauseMs, undefined, { signal: over }).catch(() => undefined); // over
      if (isHelloHeard || over.aborted) continue;
      setHearing(false);
      if (isSaid) unheard += 1;
      if (unheard === DEAF_AFTER) beDeaf();
    }
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
      const lost = new AbortController();
      try {
        await Promise.race([listen(candidate), over]);
        client = candidate;
        failures = 0;
        void keepHearing(lost.signal);
        await over;
      } catch (error) {
        options.onError(error as Error);
      } finally {
        client = null;
        lost.abort();
        setHearing(false);
        await withTimeout(candidate.end().catch(() => undefined)); // already broken
      }
      const backoffMs = Math.min(100 * 2 ** failures, MAX_BACKOFF_MS);
      await sleep(backoffMs, undefined, { signal: closing.signal }).catch(() => undefined);
    }
  })();

  return {
    send(notice) {
      if (closing.signal.aborted || isAlone()) return;
      outbox.add(notice);
      flushSoon();
    },
    async [Symbol.asyncDispose]() {
      if (client !== null) present("bye");
      // The last notice may be that runs were handed back.
      await withTimeout(flushing);
      closing.abort();
      await connectionLoop;
    },
  };
}

/** Sends several payloads in one statement. Parameters: the channel, the payloads. */
export const NOTIFY = `select set_config('synchronous_commit', 'off', true), pg_notify($1, payload)
   from unnest($2::text[]) as payload`;

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

async function withTimeout(work: Promise<unknown> | null): Promise<void> {
  const over = new AbortController();
  await Promise.race([work, sleep(CLOSE_TIMEOUT_MS, undefined, { signal: over.signal })]);
  over.abort();
}
