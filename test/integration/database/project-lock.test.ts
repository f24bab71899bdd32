import { readFile, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { findProcess } from "../../../src/database/process-identity.ts";
import { acquireProjectLock } from "../../../src/database/project-lock.ts";
import { makeProject } from "../../support/dev-project.ts";

const lockOf = (root: string) => path.join(root, ".aegra", "dev.lock");

/** A lock as another process would have left it. */
async function leaveLock(root: string, pid: number, startMark: string | null): Promise<void> {
  await using _lock = await acquireProjectLock(root, null);
  const started_at = "2026-01-01T00:00:00.000Z";
  await writeFile(lockOf(root), JSON.stringify({ pid, start_mark: startMark, started_at, server_url: null }));
}

test("a lock is free again once it is given back", async () => {
  const root = await makeProject();
  const first = await acquireProjectLock(root, null);
  await expect(acquireProjectLock(root, null)).rejects.toThrow(`pid ${process.pid}`);
  await first[Symbol.asyncDispose]();
  await first[Symbol.asyncDispose]();
  await using _second = await acquireProjectLock(root, null);
});

test("a lock that was taken over is not given back by its former holder", async () => {
  const root = await makeProject();
  const first = await acquireProjectLock(root, null);
  await leaveForeign(root);
  await first[Symbol.asyncDispose]();
  expect(await readFile(lockOf(root), "utf8")).toBe("foreign");
});

const leaveForeign = (root: string) => writeFile(lockOf(root), "foreign");

test("of many that find a dead lock at once exactly one gets it", async () => {
  const root = await makeProject();
  await leaveLock(root, 2_147_483_646, null);
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, () => acquireProjectLock(root, null)));
  expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
});

// Windows does not tell when a process began: there the pid is all there is to go by.
test.skipIf(process.platform === "win32")(
  "a pid that lives again as another process does not hold the lock",
  async () => {
    const root = await makeProject();
    expect(await findProcess(process.pid)).toMatchObject({ startMark: expect.any(String) });
    await leaveLock(root, process.pid, "an earlier start");
    await using _lock = await acquireProjectLock(root, null);
  },
);

test("a lock file that a crash left unfinished is taken after a while", async () => {
  const root = await makeProject();
  await leaveLock(root, 1, null);
  await writeFile(lockOf(root), '{"pid":');
  const minuteAgo = new Date(Date.now() - 60_000);
  await utimes(lockOf(root), minuteAgo, minuteAgo);
  await using _lock = await acquireProjectLock(root, null);
});
