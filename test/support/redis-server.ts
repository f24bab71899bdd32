import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";

/** A Redis for tests, in a process of its own, with data that are thrown away when it is disposed. */
export interface TestRedis extends AsyncDisposable {
  readonly url: string;
  /** Stops it in order, so that it keeps its data, and starts it again on the same port. */
  restart(): Promise<void>;
  /** Kills it; what it knew is gone. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, with nothing in it. */
  start(): Promise<void>;
  /** Stops it where it is, so that it does not answer, or lets it go on. */
  pause(): void;
  resume(): void;
  /** Sends it one command. */
  command(name: string, ...args: string[]): Promise<unknown>;
}

const START_TRIES = 5;
const READY_TRIES = 500;

/** @param settings more of them, as in a configuration file, such as `{ maxmemory: "2mb" }` */
export async function startTestRedis(settings: Readonly<Record<string, string>> = {}): Promise<TestRedis> {
  const folder = await mkdtemp(path.join(tmpdir(), "aegra-test-redis-"));
  const [port, first] = await startSomewhere(folder, settings);
  const url = `redis://127.0.0.1:${port}`;
  let child = first;

  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  };
  const start = async () => {
    const started = await startOn(port, folder, settings);
    if (started === null) throw new Error("another program has taken the port of Redis");
    child = started;
  };

  return {
    url,
    start,
    async restart() {
      await end("SIGTERM");
      await start();
    },
    async kill() {
      await end("SIGKILL");
      await rm(path.join(folder, "dump.rdb"), { force: true });
    },
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
    async command(name, ...args) {
      const client = new Redis(url, { maxRetriesPerRequest: 0 });
      client.on("error", () => undefined); // the command fails with it
      try {
        return await client.call(name, args);
      } finally {
        client.disconnect();
      }
    },
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function startSomewhere(
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<[number, ChildProcess]> {
  for (let tries = 0; tries < START_TRIES; tries++) {
    const port = await freePort();
    const child = await startOn(port, folder, settings);
    if (child !== null) return [port, child];
  }
  throw new Error("redis-server does not start");
}

/** @returns null when it ends at once, as it does when the port is taken */
async function startOn(
  port: number,
  folder: string,
  settings: Readonly<Record<string, string>>,
): Promise<ChildProcess | null> {
  const all = { port: String(port), bind: "127.0.0.1", dir: folder, save: "3600 1", ...settings };
  const args = Object.entries(all).flatMap(([name, value]) => [`--${name}`, ...value.split(" ")]);
  const child = spawn("redis-server", args, { stdio: "ignore" });
  // A test run that ends by itself leaves none behind, whatever its tests did.
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
  const failed = once(child, "exit").then(
    () => null,
    (error: Error) => {
      throw new Error("Tests need redis-server (apt-get install redis-server, brew install redis)", {
        cause: error,
      });
    },
  );
  return Promise.race([failed, untilReady(port).then(() => child)]);
}

async function untilReady(port: number): Promise<void> {
  const client = new Redis(port, "127.0.0.1", {
    lazyConnect: true,
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  client.on("error", () => undefined); // not yet
  for (let tries = 0; tries < READY_TRIES; tries++) {
    const isReady = await client.connect().then(
      () => true,
      () => false,
    );
    if (isReady) break;
    await sleep(10);
  }
  client.disconnect();
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}
