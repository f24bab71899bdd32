import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { errorCode } from "./errors.ts";

/**
 * Makes the folder where a project keeps what must not be committed: its database, passwords, locks.
 *
 * @returns its absolute path
 */
export async function ensureProjectDirectory(projectRoot: string): Promise<string> {
  const directory = path.join(projectRoot, ".aegra");
  await mkdir(directory, { recursive: true });
  try {
    await writeFile(path.join(directory, ".gitignore"), "*\n", { flag: "wx" });
  } catch (error) {
    if (errorCode(error) !== "EEXIST") throw error;
  }
  return directory;
}
