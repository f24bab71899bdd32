import { createHash } from "node:crypto";
import { chmod, cp, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import { DatabaseError } from "../errors.ts";
import type { PostgresBinaries } from "./binaries.ts";
import { DATA_FOLDER, isCluster } from "./cluster.ts";
import { ensureServerUser, type OsUser } from "./os-user.ts";

/** Where the cluster of a project lives, and who runs it. */
export interface Place {
  /** The folder that holds the data folder. */
  readonly home: string;
  /** Null = Postgres runs as we do. */
  readonly user: OsUser | null;
  /** The folder that kept the data out of the project; null when they are in it. */
  readonly closedDirectory: string | null;
}

// Used only as root, which may write here; its parents are open to every user on every Unix.
const SYSTEM_DIRECTORY = "/var/lib/aegra";

/**
 * Chooses the project's own folder, unless we are root and the user that Postgres must run as cannot get
 * there (a project below /root): then a folder of the system, named after the project's path.
 *
 * @throws DatabaseError when the project holds a cluster that its user can no longer reach
 */
export async function choosePlace(
  projectDirectory: string,
  onProgress: (line: string) => void,
): Promise<Place> {
  if (process.getuid?.() !== 0) return { home: projectDirectory, user: null, closedDirectory: null };

  const name = createHash("sha256").update(projectDirectory).digest("hex").slice(0, 12);
  const systemHome = path.join(SYSTEM_DIRECTORY, name);
  const usesSystem = await isCluster(path.join(systemHome, DATA_FOLDER));
  const user = await ensureServerUser(
    path.join(usesSystem ? systemHome : projectDirectory, DATA_FOLDER),
    onProgress,
  );
  if (user === null) return { home: projectDirectory, user, closedDirectory: null };

  await letOthersEnter(projectDirectory);
  const closedDirectory = await findClosedDirectory(projectDirectory, user);
  if (closedDirectory === null && !usesSystem) return { home: projectDirectory, user, closedDirectory: null };
  if (!usesSystem && (await isCluster(path.join(projectDirectory, DATA_FOLDER)))) {
    throw new DatabaseError(
      `Postgres does not run as root, and the user of its data (uid ${user.uid}) cannot enter ${closedDirectory}.`,
      [`Let it pass through: chmod o+x ${closedDirectory}`, "Or run the command as an ordinary user."],
    );
  }
  await mkdir(systemHome, { recursive: true });
  await letOthersEnter(SYSTEM_DIRECTORY);
  await letOthersEnter(systemHome);
  return { home: systemHome, user, closedDirectory: closedDirectory ?? projectDirectory };
}

/** The programs as `user` can run them: where they are, or a copy in the system's folder. */
export async function reachableBinaries(
  binaries: PostgresBinaries,
  user: OsUser | null,
  onProgress: (line: string) => void,
): Promise<PostgresBinaries> {
  if (user === null) return binaries;
  const probe = path.join(binaries.directory, "share", "postgresql");
  const closed =
    (await findClosedDirectory(probe, user)) ??
    (await findClosedDirectory(path.dirname(binaries.postgres), user));
  if (closed === null) return binaries;

  const name = `postgres-${binaries.version}-${process.platform}-${process.arch}`;
  const copy = path.join(SYSTEM_DIRECTORY, name);
  if (!(await isThere(copy))) {
    onProgress(`copying the programs of Postgres to ${copy} (${closed} is closed to the user it runs as)`);
    await copyOpened(binaries.directory, copy);
  }
  const moved = (program: string) => path.join(copy, path.relative(binaries.directory, program));
  return {
    version: binaries.version,
    directory: copy,
    initdb: moved(binaries.initdb),
    pgCtl: moved(binaries.pgCtl),
    postgres: moved(binaries.postgres),
  };
}

/** The first folder on the way to `target`, itself included, that `user` may not pass; null = the way is open. */
async function findClosedDirectory(target: string, user: OsUser): Promise<string | null> {
  const parts = path.resolve(target).split(path.sep);
  for (let length = 1; length <= parts.length; length += 1) {
    const directory = parts.slice(0, length).join(path.sep) || path.sep;
    const { mode, uid, gid } = await stat(directory);
    const passBit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & passBit) === 0) return directory;
  }
  return null;
}

async function letOthersEnter(directory: string): Promise<void> {
  const { mode } = await stat(directory);
  if ((mode & 0o011) !== 0o011) await chmod(directory, (mode & 0o7777) | 0o011);
}

async function copyOpened(from: string, to: string): Promise<void> {
  await mkdir(path.dirname(to), { recursive: true });
  await letOthersEnter(path.dirname(to));
  const draft = `${to}.${process.pid}.tmp`;
  try {
    // Links stay relative, so that the copy does not point back into the closed folder.
    await cp(from, draft, { recursive: true, verbatimSymlinks: true });
    await letOthersReadTree(draft);
    await rename(draft, to);
  } catch (error) {
    // Another project may have copied the same version meanwhile.
    if (!(await isThere(to))) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function letOthersReadTree(root: string): Promise<void> {
  await chmod(root, 0o755);
  for (const entry of await readdir(root, { withFileTypes: true, recursive: true })) {
    if (entry.isSymbolicLink()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const { mode } = await stat(file);
    await chmod(file, entry.isDirectory() || (mode & 0o100) !== 0 ? 0o755 : 0o644);
  }
}

async function isThere(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
