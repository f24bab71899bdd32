import { cp, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { request } from "undici";
import { choosePort } from "../../src/database/free-port.ts";
import { type Child, type ChildOptions, startChild } from "./child.ts";
import { type BenchClient, openClient } from "./client.ts";

/** A server of the protocol, in a process of its own. */
export interface BenchServer extends AsyncDisposable {
  readonly client: BenchClient;
  readonly pid: number;
  /** From the start of the process to its first answer. */
  readonly startMs: number;
  memoryMegabytes(): Promise<number>;
}

export interface OurOptions {
  readonly databaseUrl: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Where to write a CPU profile when it stops; null takes none. */
  readonly profileFolder?: string | null;
}

const BENCH = path.join(import.meta.dirname, "..");
const PEER = path.join(BENCH, "peer");
const HOST = "127.0.0.1";
/** What both servers take unless told otherwise. */
const DEFAULT_JOBS = 10;
const START_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 5;

/** Starts our server as it was built, the way a project does. */
export async function startOurs(options: OurOptions): Promise<BenchServer> {
  const { databaseUrl, variables = {}, profileFolder = null } = options;
  const port = await choosePort(null);
  const profile = profileFolder === null ? [] : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`];
  const program = path.join(BENCH, "..", "bin", "run.js");
  const flags = ["--host", HOST, "--port", String(port), "--drain-timeout", "1"];
  return startServer([...profile, program, "serve", ...flags], port, {
    cwd: BENCH,
    variables: { DATABASE_URL: databaseUrl, N_JOBS_PER_WORKER: String(DEFAULT_JOBS), ...variables },
  });
}

/**
 * Starts the other server the way its own command line does, without the watcher. It keeps everything in
 * memory and in a folder, which is empty here; graphs are copied beside its own LangGraph.
 */
export async function startPeer(): Promise<BenchServer> {
  const folder = path.join(PEER, ".aegra");
  await rm(folder, { recursive: true, force: true });
  await cp(path.join(BENCH, "graphs"), path.join(folder, "graphs"), { recursive: true });
  const { graphs } = JSON.parse(await readFile(path.join(BENCH, "aegra.json"), "utf8")) as { graphs: object };
  const port = await choosePort(null);
  const api = path.join(PEER, "node_modules/@langchain/langgraph-api/dist");
  const loaders = ["--import", path.join(PEER, "node_modules/tsx/dist/loader.mjs")];
  const settings = { port, nWorkers: DEFAULT_JOBS, host: HOST, cwd: folder, graphs };
  return startServer(
    [
      ...loaders,
      "--import",
      path.join(api, "preload.mjs"),
      path.join(api, "cli/entrypoint.mjs"),
      String(process.pid),
      JSON.stringify(settings),
    ],
    port,
    { cwd: folder, variables: { NODE_ENV: "development" } },
  );
}

async function startServer(
  args: readonly string[],
  port: number,
  options: ChildOptions,
): Promise<BenchServer> {
  await using started = new AsyncDisposableStack();
  const beganMs = performance.now();
  const child = started.use(startChild(args, options));
  const url = `http://${HOST}:${port}`;
  await untilAnswered(child, url, beganMs);
  const startMs = performance.now() - beganMs;
  const client = started.use(openClient(url));
  const running = started.move();
  return {
    client,
    pid: child.pid,
    startMs,
    memoryMegabytes: child.memoryMegabytes,
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

async function untilAnswered(child: Child, url: string, beganMs: number): Promise<void> {
  while (performance.now() - beganMs < START_LIMIT_MS) {
    if (child.process.exitCode !== null)
      throw new Error(`the server ended at its start:\n${child.lastOutput()}`);
    if (await isAnswered(`${url}/ok`)) return;
    await sleep(LOOK_EVERY_MS);
  }
  throw new Error(`the server did not answer within ${START_LIMIT_MS / 1000} s:\n${child.lastOutput()}`);
}

async function isAnswered(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await request(url);
    await body.dump();
    return statusCode === 200;
  } catch {
    // Nothing listens yet.
    return false;
  }
}
