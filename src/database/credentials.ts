import { randomBytes } from "node:crypto";
import { chmod, readFile, rename, rm, writeFile } from "node:fs/promises";
import { errorCode } from "./errors.ts";

/** How to reach a database that was made for this project. */
export interface Credentials {
  /** Lower-case hexadecimal, so it needs no escaping in a URL or in SQL. */
  readonly password: string;
  /** The port used last; it is tried first next time. */
  readonly port: number | null;
}

export const newPassword = (): string => randomBytes(24).toString("hex");

/** @returns null when the file is missing or is not one of ours: the caller then sets a new password */
export async function loadCredentials(file: string): Promise<Credentials | null> {
  try {
    return toCredentials(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (error instanceof SyntaxError || errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Replaces the file as a whole, readable by its owner only. */
export async function writeCredentials(file: string, credentials: Credentials): Promise<void> {
  const draft = `${file}.${process.pid}.tmp`;
  try {
    await writeFile(draft, `${JSON.stringify(credentials, null, 2)}\n`, { mode: 0o600 });
    // The mode above counts for new files only, and a draft may be left over from a crash.
    await chmod(draft, 0o600);
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
}

function toCredentials(value: unknown): Credentials | null {
  if (typeof value !== "object" || value === null) return null;
  const password = "password" in value ? value.password : null;
  const port = "port" in value ? value.port : null;
  if (typeof password !== "string" || !/^[0-9a-f]+$/.test(password)) return null;
  const isPort = Number.isInteger(port) && Number(port) > 0 && Number(port) < 65_536;
  return { password, port: isPort ? Number(port) : null };
}
