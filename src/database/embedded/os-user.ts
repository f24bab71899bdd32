import { stat } from "node:fs/promises";
import { DatabaseError, errorCode } from "../errors.ts";
import { runProgram } from "./run-program.ts";

/** The user of the operating system that Postgres runs as when we are root, which Postgres refuses to be. */
export interface OsUser {
  readonly uid: number;
  readonly gid: number;
}

// macOS puts an underscore before the names of its service users.
const NAMES = ["postgres", "_postgres"];

/** Each creates a user without password, shell or home; which one exists depends on the distribution. */
const CREATE_USER = [
  { program: "/usr/sbin/useradd", args: ["--system", "--user-group", "--no-create-home", "postgres"] },
  { program: "/usr/sbin/adduser", args: ["-S", "-D", "-H", "postgres"] },
];

/**
 * The user that Postgres must run as: whoever owns the data that are there, else `postgres`, made if needed.
 *
 * @returns null when we are not root: Postgres then runs as we do
 * @throws DatabaseError when there is no such user and none can be made
 */
export async function ensureServerUser(
  dataDirectory: string,
  onProgress: (line: string) => void,
): Promise<OsUser | null> {
  if (process.getuid?.() !== 0) return null;
  const user = (await findOwner(dataDirectory)) ?? (await findUser());
  if (user !== null) return user;

  onProgress("creating the OS user postgres (Postgres does not run as root)");
  for (const { program, args } of CREATE_USER) {
    await runProgram(program, args, {});
    const created = await findUser();
    if (created !== null) return created;
  }
  throw new DatabaseError(
    "Postgres does not run as root, and the OS user postgres is missing and could not be created.",
    [
      "Run the command as an ordinary user.",
      "Or create the user: useradd --system postgres",
      "Or name a server you have: --database-url postgres://user:password@host:5432/database",
    ],
  );
}

async function findOwner(directory: string): Promise<OsUser | null> {
  try {
    const { uid, gid } = await stat(directory);
    return uid === 0 ? null : { uid, gid };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

async function findUser(): Promise<OsUser | null> {
  for (const name of NAMES) {
    const [uid, gid] = await Promise.all([
      runProgram("id", ["-u", name], {}),
      runProgram("id", ["-g", name], {}),
    ]);
    if (uid.code === 0 && gid.code === 0) return { uid: Number(uid.output), gid: Number(gid.output) };
  }
  return null;
}
