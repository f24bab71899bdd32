import { chmod, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Client } from "pg";
import { onTestFinished } from "vitest";
import { readPidFile } from "../../src/database/embedded/pid-file.ts";
import { findProcess } from "../../src/database/process-identity.ts";

/** An empty project folder that is removed after the test. */
export async function makeProject(): Promise<string> {
  const root = await makeSharedProject();
  onTestFinished(() => removeProject(root));
  return root;
}

/** An empty project folder that the caller removes; its path holds what a shell would trip over. */
export async function makeSharedProject(): Promise<string> {
  const base = await mkdtemp(path.join(tmpdir(), "aegra it's $HOME "));
  // As root, Postgres runs as another user, who must be able to pass.
  await chmod(base, 0o755);
  return base;
}

export const removeProject = (root: string): Promise<void> =>
  rm(root, { recursive: true, force: true, maxRetries: 5 });

export async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

/** The pid that the cluster's pid file names; null when there is no file. */
export const serverPid = async (projectRoot: string): Promise<number | null> =>
  (await readPidFile(path.join(projectRoot, ".aegra", "postgres")))?.pid ?? null;

export const isRunning = async (pid: number | null): Promise<boolean> =>
  pid !== null && (await findProcess(pid)) !== null;

/** Copies what a cluster needs of an installation; libraries for C and the extensions are most of its files. */
export function copyInstallation(from: string, to: string): Promise<void> {
  const isNeeded = (file: string) =>
    !file.endsWith(".a") &&
    (!/[\\/](extension|postgresql)[\\/][^\\/]+\.(sql|so|control|dylib)$/.test(file) ||
      /plpgsql|snowball|information_schema|system_/.test(file));
  return cp(from, to, { recursive: true, verbatimSymlinks: true, filter: isNeeded });
}
