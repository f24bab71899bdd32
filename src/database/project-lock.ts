import { readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { DatabaseError, errorCode } from "./errors.ts";
import { findProcess } from "./process-identity.ts";
import { ensureProjectDirectory } from "./project-directory.ts";

/** Makes a project's database belong to this process. Disposing it, also twice, gives it back. */
export interface ProjectLock extends AsyncDisposable {
  readonly path: string;
}

/** What the lock file says about the process that made it. */
interface Holder {
  readonly pid: number;
  /** Null where the system does not tell; see `ProcessIdentity.startMark`. */
  readonly start_mark: string | null;
  readonly started_at: string;
  readonly server_url: string | null;
}

const RETRY_MS = 25;
const ATTEMPTS = 200;
// A file is made and filled within a millisecond; one that is still unreadable after this was left by a crash.
const ABANDONED_MS = 3_000;

/**
 * Takes the lock of a project, also from a process that died without giving it back.
 *
 * @param serverUrl where this process will serve, told to a second one; null when not known yet
 * @throws DatabaseError when a living process holds it
 */
export async function acquireProjectLock(
  projectRoot: string,
  serverUrl: string | null,
): Promise<ProjectLock> {
  const file = path.join(await ensureProjectDirectory(projectRoot), "dev.lock");
  const self = await findProcess(process.pid);
  const holder: Holder = {
    pid: process.pid,
    start_mark: self?.startMark ?? null,
    started_at: new Date().toISOString(),
    server_url: serverUrl,
  };
  const text = `${JSON.stringify(holder, null, 2)}\n`;

  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    if (await createFile(file, text)) return { path: file, [Symbol.asyncDispose]: () => release(file, text) };
    await refuseIfHeld(file, projectRoot);
    await sleep(RETRY_MS);
  }
  throw new DatabaseError(`The lock file ${file} could not be taken.`, [
    `If no \`aegra dev\` runs in this project, delete ${file} and try again.`,
  ]);
}

/** Removes a lock whose holder is gone. */
async function refuseIfHeld(file: string, projectRoot: string): Promise<void> {
  const text = await readIfThere(file);
  if (text === null) return;
  const holder = toHolder(text);
  if (holder === null) {
    if (await isOlderThan(file, ABANDONED_MS)) await removeAbandoned(file, text);
    return;
  }
  const running = await findProcess(holder.pid);
  const sameProcess =
    running !== null &&
    (holder.start_mark === null || running.startMark === null || holder.start_mark === running.startMark);
  if (sameProcess) throw heldError(holder, projectRoot);
  await removeAbandoned(file, text);
}

/**
 * Of several processes that see the same dead lock, exactly one may remove it, and only while it is still
 * that lock: otherwise the slower one would remove the lock that the faster one has just taken.
 */
async function removeAbandoned(file: string, deadText: string): Promise<void> {
  const guard = `${file}.takeover`;
  if (!(await createFile(guard, String(process.pid)))) {
    if (await isOlderThan(guard, ABANDONED_MS)) await rm(guard, { force: true });
    return;
  }
  try {
    if ((await readIfThere(file)) === deadText) await rm(file, { force: true });
  } finally {
    await rm(guard, { force: true });
  }
}

async function release(file: string, ownText: string): Promise<void> {
  if ((await readIfThere(file)) === ownText) await rm(file, { force: true });
}

function heldError(holder: Holder, projectRoot: string): DatabaseError {
  const serves = holder.server_url === null ? "" : ` It serves ${holder.server_url}.`;
  return new DatabaseError(
    `Another \`aegra dev\` (pid ${holder.pid}, since ${holder.started_at}) is using ${projectRoot}.${serves}`,
    [
      `Use that one, or stop it: Ctrl-C in its terminal, or end process ${holder.pid}.`,
      "Or run this one on another database: --database-url postgres://user:password@host:5432/database",
    ],
  );
}

/** @returns false when the file is there already */
async function createFile(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: "wx" });
    return true;
  } catch (error) {
    if (errorCode(error) === "EEXIST") return false;
    throw error;
  }
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function isOlderThan(file: string, ageMs: number): Promise<boolean> {
  try {
    return Date.now() - (await stat(file)).mtimeMs > ageMs;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** @returns null when the text is not a whole lock file */
function toHolder(text: string): Holder | null {
  try {
    const value: Partial<Record<keyof Holder, unknown>> | null = JSON.parse(text);
    if (value === null || typeof value.pid !== "number" || typeof value.started_at !== "string") return null;
    return {
      pid: value.pid,
      started_at: value.started_at,
      start_mark: typeof value.start_mark === "string" ? value.start_mark : null,
      server_url: typeof value.server_url === "string" ? value.server_url : null,
    };
  } catch {
    // Not JSON: a file that is being written, or was left half-written by a crash.
    return null;
  }
}
