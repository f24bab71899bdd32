import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { choosePort } from "../../src/database/free-port.ts";

/** Debian puts it where only root looks. */
const FOLDERS = [...(process.env["PATH"] ?? "").split(path.delimiter), "/usr/sbin", "/usr/local/sbin"];

/** The program; null where it is not installed. */
const PROGRAM = FOLDERS.map((folder) => path.join(folder, "pgbouncer")).find(isExecutable) ?? null;

/** Whether tests with it can run. In CI they have to. */
export const hasPgBouncer = PROGRAM !== null || process.env["CI"] !== undefined;

export interface PgBouncer extends AsyncDisposable {
  /** Where a database of the server is found behind the pooler. */
  through(databaseUrl: string): string;
}

export interface PgBouncerOptions {
  readonly poolMode?: "transaction" | "session";
  /** Connections to Postgres, for each database. */
  readonly poolSize?: number;
  /** Further settings, as in its file. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Starts a PgBouncer in front of a Postgres; it lets everyone in. */
export async function startPgBouncer(serverUrl: string, options: PgBouncerOptions = {}): Promise<PgBouncer> {
  if (PROGRAM === null) throw new Error("These tests need PgBouncer: apt-get install pgbouncer");
  const port = await choosePort(null);
  const folder = await mkdtemp(path.join(tmpdir(), "aegra-test-pgbouncer-"));
  await chmod(folder, 0o755);
  const file = path.join(folder, "pgbouncer.ini");
  await writeFile(file, toIni(new URL(serverUrl), port, options));
  // Like Postgres, it does not run as root.
  const user = process.getuid?.() === 0 ? ["-u", "postgres"] : [];
  const child = spawn(PROGRAM, [...user, file], { stdio: ["ignore", "ignore", "pipe"] });
  const close = async () => {
    await end(child);
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await listening(child);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    through(databaseUrl) {
      const url = new URL(databaseUrl);
      url.hostname = "127.0.0.1";
      url.port = String(port);
      return url.href;
    },
    [Symbol.asyncDispose]: close,
  };
}

function toIni(server: URL, port: number, { poolMode, poolSize, settings }: PgBouncerOptions): string {
  const login = `user='${decodeURIComponent(server.username)}' password='${decodeURIComponent(server.password)}'`;
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "any",
    pool_mode: poolMode ?? "transaction",
    default_pool_size: poolSize ?? 20,
    max_client_conn: 500,
    ...settings,
  };
  return [
    "[databases]",
    `* = host=${server.hostname} port=${server.port} ${login}`,
    "[pgbouncer]",
    ...Object.entries(all).map(([name, value]) => `${name} = ${value}`),
    "",
  ].join("\n");
}

/** Resolves when it listens. @throws with what it has logged when it ends instead */
async function listening(child: ChildProcess): Promise<void> {
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr as NodeJS.ReadableStream })) {
    lines.push(line);
    if (line.includes("process up:")) {
      // What nobody reads would stop it in the end.
      child.stderr?.resume();
      return;
    }
  }
  throw new Error(`PgBouncer did not start:\n${lines.join("\n")}`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // the next folder may have it
  }
}
