import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { Redis as Client, RedisOptions as ClientOptions } from "ioredis";

export interface RedisOptions {
  /** `redis://` or `rediss://`, with whatever credentials it needs. */
  readonly url: string;
  /** Begins every key, so that several deployments can share a Redis. */
  readonly keyPrefix: string;
  /** Told once when Redis cannot be reached, until it is back. */
  readonly onAway: (error: Error) => void;
  readonly onBack: () => void;
}

/** A Redis that may go away and come back at any time. */
export interface Redis extends AsyncDisposable {
  readonly keyPrefix: string;
  /** Resolves when there is a connection, or after a while. The rest does not wait for one, and fails at once. */
  whenConnected(): Promise<void>;
  /** @throws RedisError */
  get(key: string): Promise<string | null>;
  /** Runs a script, which Redis does as one step. @throws RedisError */
  run(script: RedisScript, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown>;
  /** Tells everyone who listens now. What cannot be told is not told later. */
  publish(channel: string, message: string): void;
  /** Null as a message: some may have been missed. */
  listen(channel: string, onMessage: (message: string | null) => void): Disposable;
}

export interface RedisScript {
  readonly source: string;
  readonly sha: string;
}

export const defineScript = (source: string): RedisScript => ({
  source,
  sha: createHash("sha1").update(source).digest("hex"),
});

/** Why Redis did not do what it was asked to. */
export class RedisError extends Error {
  override readonly name = "RedisError";
  /** It cannot be reached, it cannot do it just now, or it will never do it. */
  readonly kind: "away" | "busy" | "refused";

  constructor(kind: RedisError["kind"], message: string) {
    super(message);
    this.kind = kind;
  }
}

/** Whether an error says that Redis may do the same later. */
export const isRedisUnavailable = (error: unknown): boolean =>
  error instanceof RedisError && error.kind !== "refused";

/** Whether an error says that Redis cannot be reached, of which `onAway` tells. */
export const isRedisAway = (error: unknown): boolean => error instanceof RedisError && error.kind === "away";

const CONNECT_TIMEOUT_MS = 5000;
/** A Redis that has not answered after this time counts as away. */
const ANSWER_TIMEOUT_MS = 5000;
const MAX_BACKOFF_MS = 500;
/** How long whoever can wait for a connection does. */
const WAIT_MS = 5000;
/** How long a start waits for Redis, which it does not need. */
const START_TIMEOUT_MS = 2000;
const CLOSE_TIMEOUT_MS = 1000;

const OPTIONS = {
  lazyConnect: true,
  connectTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: ANSWER_TIMEOUT_MS,
  socketTimeout: ANSWER_TIMEOUT_MS,
  retryStrategy: (failures: number) => Math.min(100 * 2 ** (failures - 1), MAX_BACKOFF_MS),
  // The bus knows better what to do again, and when.
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // After a failover it is the other one that can be written to.
  reconnectOnError: ({ message }: Error) => message.startsWith("READONLY"),
} satisfies ClientOptions;

/** Connects to a Redis, and returns without it when it does not answer soon. */
export async function openRedis(options: RedisOptions): Promise<Redis> {
  const { url, keyPrefix, onAway, onBack } = options;
  const { Redis: RedisClient } = await import("ioredis");
  const commands = new RedisClient(url, { ...OPTIONS, connectionName: "aegra" });
  const listener = new RedisClient(url, { ...OPTIONS, connectionName: "aegra-notices" });
  watchConnection(commands, { onAway, onBack });
  // Only one of them has traffic that would tell that the other side is gone without a word.
  commands.on("close", () => listener.disconnect(true));
  listener.on("error", () => undefined); // as the other one says
  const connecting = [commands, listener].map((client) => client.connect().catch(() => undefined));
  await Promise.race([connecting[0], sleep(START_TIMEOUT_MS, undefined, { ref: false })]);

  const run: Redis["run"] = async ({ source, sha }, keys, args) => {
    const rest = [keys.length, ...keys, ...args];
    try {
      return await commands.call("evalsha", [sha, ...rest]);
    } catch (error) {
      if (!isScriptUnknown(error)) throw toRedisError(error);
    }
    return commands.call("eval", [source, ...rest]).catch((error) => Promise.reject(toRedisError(error)));
  };

  return {
    keyPrefix,
    whenConnected: () => whenReady(commands),
    get: (key) => commands.get(key).catch((error) => Promise.reject(toRedisError(error))),
    run,
    publish: (channel, message) => void commands.publish(channel, message).catch(() => undefined),
    listen: (channel, onMessage) => listen(listener, channel, onMessage),
    async [Symbol.asyncDispose]() {
      await Promise.all([commands, listener].map(close));
    },
  };
}

async function whenReady(client: Client): Promise<void> {
  if (client.status === "ready") return;
  const ready = Promise.withResolvers<void>();
  client.once("ready", ready.resolve);
  await Promise.race([ready.promise, sleep(WAIT_MS, undefined, { ref: false })]);
  client.off("ready", ready.resolve);
}

function watchConnection(client: Client, { onAway, onBack }: Pick<RedisOptions, "onAway" | "onBack">): void {
  let isAway = false;
  let cause: unknown = null;
  const away = () => {
    if (!isAway) onAway(toRedisError(cause ?? "the connection was closed"));
    isAway = true;
  };
  client.on("error", (error) => {
    cause = error;
  });
  client.on("close", away);
  client.on("ready", () => {
    if (isAway) onBack();
    isAway = false;
    cause = null;
  });
}

function listen(client: Client, channel: string, onMessage: (message: string | null) => void): Disposable {
  const subscribe = () =>
    client.subscribe(channel).then(
      () => onMessage(null),
      () => undefined, // the connection has broken, and will be opened again
    );
  const receive = (from: string, message: string) => {
    if (from === channel) onMessage(message);
  };
  client.on("ready", subscribe);
  client.on("message", receive);
  if (client.status === "ready") void subscribe();
  return {
    [Symbol.dispose]() {
      client.off("ready", subscribe);
      client.off("message", receive);
    },
  };
}

/** Quits, so that what was published last is sent. */
async function close(client: Client): Promise<void> {
  client.removeAllListeners("close");
  const over = new AbortController();
  const timeout = sleep(CLOSE_TIMEOUT_MS, undefined, { signal: over.signal }).catch(() => undefined);
  await Promise.race([client.quit().catch(() => undefined), timeout]); // away already
  over.abort();
  client.disconnect();
}

const isScriptUnknown = (error: unknown): boolean =>
  error instanceof Error && error.message.startsWith("NOSCRIPT");

/** What Redis answers when it cannot do now what it may do later. From within a script it can be anywhere in the text. */
const BUSY = /\b(LOADING|BUSY|MASTERDOWN|READONLY|OOM|MISCONF|NOREPLICAS|NOAUTH|WRONGPASS|NOPERM)\b/;

/** The error of the client carries the command: a password, or everything that was to be written. */
function toRedisError(error: unknown): RedisError {
  const { name, message } = error instanceof Error ? error : { name: "", message: String(error) };
  // Of a connection that is not there, the client only names one of its options.
  if (message.includes("enableOfflineQueue"))
    return new RedisError("away", "there is no connection to Redis");
  if (name !== "ReplyError") return new RedisError("away", message);
  return new RedisError(BUSY.test(message) ? "busy" : "refused", message);
}
