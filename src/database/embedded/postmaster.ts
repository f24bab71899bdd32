import { spawn, spawnSync } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError } from "../errors.ts";
import type { PostgresBinaries } from "./binaries.ts";
import type { OsUser } from "./os-user.ts";
import { findRunning, readPidFile } from "./pid-file.ts";
import { runProgram, spawnOptions } from "./run-program.ts";

/** A cluster and what is needed to run it. */
export interface Server {
  readonly binaries: PostgresBinaries;
  /** Null = it runs as we do. */
  readonly user: OsUser | null;
  readonly dataDirectory: string;
}

export interface StartOptions {
  readonly port: number;
  /** Settings of Postgres by name, above those of its configuration file. */
  readonly settings: Readonly<Record<string, string>>;
  /** What the server writes until it stops; replaced at each start. */
  readonly logFile: string;
  readonly signal?: AbortSignal;
}

// A server that was killed replays its log first, which can take this long after heavy writing.
const START_TIMEOUT_MS = 120_000;
const POLL_MS = 10;
const STOP_TIMEOUT_S = 30;

/**
 * Starts Postgres and waits until it accepts connections, on 127.0.0.1 only.
 *
 * @throws DatabaseError with the last lines of its log when it does not start
 */
export async function startPostmaster(server: Server, options: StartOptions): Promise<void> {
  const { signal } = options;
  signal?.throwIfAborted();
  const stopEarly = () => void stopPostmaster(server).catch(() => undefined); // repeated, and awaited, below
  signal?.addEventListener("abort", stopEarly, { once: true });
  try {
    const failure = await (process.platform === "win32" ? startOnWindows : startOnUnix)(server, options);
    signal?.throwIfAborted();
    if (failure !== null) throw await startError(server, options, failure);
  } catch (error) {
    await stopPostmaster(server);
    throw error;
  } finally {
    signal?.removeEventListener("abort", stopEarly);
  }
}

/** Stops the Postgres that runs on these data, whoever started it; does nothing when none does. */
export async function stopPostmaster(server: Server): Promise<void> {
  if ((await findRunning(server.dataDirectory)) === null) return;
  // «fast» ends the connections that are open; «immediate» leaves it to the next start to replay the log.
  for (const mode of ["fast", "immediate"]) {
    const { code } = await runProgram(server.binaries.pgCtl, stopArguments(server, mode), {
      user: server.user,
    });
    if (code === 0 || (await findRunning(server.dataDirectory)) === null) return;
  }
  throw new DatabaseError(`The Postgres on ${server.dataDirectory} could not be stopped.`, [
    `End it by hand: its process id is the first line of ${server.dataDirectory}/postmaster.pid.`,
  ]);
}

/**
 * Makes Postgres stop when this process ends without disposing it, as after an uncaught exception.
 *
 * @returns takes the arrangement back
 */
export function stopPostmasterAtExit(server: Server): () => void {
  const stop = () => {
    const { pgCtl } = server.binaries;
    // Nothing asynchronous happens any more: give the order, do not wait for the end.
    spawnSync(pgCtl, [...stopArguments(server, "fast"), "--no-wait"], {
      ...spawnOptions(pgCtl, server.user),
      stdio: "ignore",
    });
  };
  process.once("exit", stop);
  return () => process.removeListener("exit", stop);
}

const stopArguments = ({ dataDirectory }: Server, mode: string): string[] => [
  "stop",
  `--pgdata=${dataDirectory}`,
  `--mode=${mode}`,
  `--timeout=${STOP_TIMEOUT_S}`,
];

function serverArguments({ port, settings }: StartOptions): string[] {
  const all = {
    listen_addresses: "127.0.0.1",
    // A socket would lie in a folder that is shared with others, or have a path that is too long.
    unix_socket_directories: "",
    ...settings,
  };
  return ["-p", String(port), ...Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`])];
}

/**
 * Without pg_ctl, which passes paths through a shell: a `$` or a quote in the project's path would break it.
 *
 * @returns why it did not start; null = it did
 */
async function startOnUnix(server: Server, options: StartOptions): Promise<string | null> {
  const { postgres } = server.binaries;
  // A file, not a pipe: the server can go on writing when this process dies.
  const log = await open(options.logFile, "w", 0o600);
  try {
    let ended: string | null = null;
    const child = spawn(postgres, ["-D", server.dataDirectory, ...serverArguments(options)], {
      ...spawnOptions(postgres, server.user),
      stdio: ["ignore", log.fd, log.fd],
    });
    child.once("error", (error) => {
      ended = error.message;
    });
    child.once("exit", (code, signal) => {
      ended = `it ended with ${signal ?? `code ${code}`}`;
    });
    child.unref();

    const deadline = Date.now() + START_TIMEOUT_MS;
    while (ended === null) {
      const file = await readPidFile(server.dataDirectory);
      if (file !== null && file.pid === child.pid && file.status === "ready") return null;
      if (Date.now() > deadline) return `it was not ready after ${START_TIMEOUT_MS / 1000} s`;
      await sleep(POLL_MS);
    }
    return ended;
  } finally {
    await log.close();
  }
}

/** Through pg_ctl, which gives up administrator rights first: Postgres refuses to run with them. */
async function startOnWindows(server: Server, options: StartOptions): Promise<string | null> {
  const log = await open(options.logFile, "w");
  await log.close();
  const child = spawn(
    server.binaries.pgCtl,
    [
      "start",
      `--pgdata=${server.dataDirectory}`,
      `--log=${options.logFile}`,
      "--wait",
      `--timeout=${START_TIMEOUT_MS / 1000}`,
      `--options=${serverArguments(options).join(" ")}`,
    ],
    // Not a pipe: the server would inherit it, and it would never close.
    { ...spawnOptions(server.binaries.pgCtl, null), stdio: "ignore" },
  );
  return new Promise((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code) => resolve(code === 0 ? null : `pg_ctl ended with code ${code}`));
  });
}

async function startError(server: Server, { logFile }: StartOptions, why: string): Promise<DatabaseError> {
  const lines = (await readFile(logFile, "utf8")).trimEnd().split("\n").slice(-8);
  return new DatabaseError(
    `Postgres did not start on ${server.dataDirectory}: ${why}.\n${lines.join("\n")}`,
    [
      `Read its whole log: ${logFile}`,
      "Or name a server you have: --database-url postgres://user:password@host:5432/database",
    ],
  );
}
