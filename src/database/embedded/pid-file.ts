import { chown, readFile, rename, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseError, errorCode } from "../errors.ts";
import { findProcess, type ProcessIdentity } from "../process-identity.ts";

/** What a running Postgres says about itself in its data folder. */
export interface PidFile {
  readonly pid: number;
  /** Null until the server has got that far. */
  readonly status: "starting" | "ready" | "stopping" | (string & {}) | null;
}

// Above the highest pid of every system, so no process can have it.
const IMPOSSIBLE_PID = 2_147_483_646;
// One line each: pid, data folder, start time, port, socket folder, address, shared memory, status.
const STATUS_LINE = 7;

/** @returns null when there is none, or it is not written to its first line yet */
export async function readPidFile(dataDirectory: string): Promise<PidFile | null> {
  const lines = (await readLines(dataDirectory)) ?? [];
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return null;
  return { pid, status: lines[STATUS_LINE]?.trim() || null };
}

/**
 * The Postgres that runs on these data.
 *
 * @returns its pid; null when there is none, also when the file is a leftover
 * @throws DatabaseError when something has that pid and the system does not tell what
 */
export async function findRunning(dataDirectory: string): Promise<number | null> {
  const file = await readPidFile(dataDirectory);
  if (file === null) return null;
  const running = await findProcess(file.pid);
  if (running === null) return null;
  return isPostmaster(running, dataDirectory) ? file.pid : null;
}

/**
 * Lets Postgres start although a leftover pid file is in its way. Postgres refuses whenever the pid lives in
 * any form: as another program after a crash of the machine, or as an ended process that nobody waits for.
 *
 * The file stays, with a pid that cannot exist: Postgres then removes it itself, after making sure through
 * the rest of the file that no child of the old server still uses its shared memory.
 */
export async function disarmLeftoverPidFile(dataDirectory: string): Promise<void> {
  const lines = await readLines(dataDirectory);
  if (lines === null || (await findRunning(dataDirectory)) !== null) return;

  const name = path.join(dataDirectory, "postmaster.pid");
  const draft = `${name}.tmp`;
  const { uid, gid } = await stat(dataDirectory);
  await writeFile(draft, [IMPOSSIBLE_PID, ...lines.slice(1)].join("\n"), { mode: 0o600 });
  await chown(draft, uid, gid);
  await rename(draft, name);
}

function isPostmaster({ pid, command }: ProcessIdentity, dataDirectory: string): boolean {
  if (command === null) {
    throw new DatabaseError(
      `${dataDirectory} may be in use: its postmaster.pid names process ${pid}, which lives and which this system does not describe.`,
      [
        `If process ${pid} is not Postgres, delete ${path.join(dataDirectory, "postmaster.pid")} and try again.`,
      ],
    );
  }
  // Windows gives the name of the program only.
  if (process.platform === "win32") return /^postgres(\.exe)?$/i.test(command);
  return command.includes("postgres") && command.includes(dataDirectory);
}

async function readLines(dataDirectory: string): Promise<string[] | null> {
  try {
    return (await readFile(path.join(dataDirectory, "postmaster.pid"), "utf8")).split("\n");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}
