import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, readdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { DevDatabase } from "../../../src/database/dev-database.ts";
import { openDevDatabase } from "../../../src/database/open-dev-database.ts";
import {
  isRunning,
  makeProject,
  makeSharedProject,
  query,
  removeProject,
  serverPid,
} from "../../support/dev-project.ts";

const HOLDER = path.join(import.meta.dirname, "..", "..", "fixtures", "database", "hold-database.ts");

// Creating a cluster takes most of the time; these tests start and kill one and the same.
let root: string;

beforeAll(async () => {
  root = await makeSharedProject();
  await using database = await open(root);
  await query(database.url, "create table kept as select 42 as answer");
});
afterAll(() => removeProject(root));

const open = (projectRoot: string): Promise<DevDatabase> =>
  openDevDatabase({ projectRoot, databaseUrl: null });

function startHolder(projectRoot: string, detached = false): ChildProcess {
  const holder = spawn(process.execPath, [HOLDER, projectRoot], {
    detached,
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void holder.kill("SIGKILL"));
  return holder;
}

async function holdDatabase(projectRoot: string): Promise<{ holder: ChildProcess; url: string }> {
  const holder = startHolder(projectRoot);
  const [line] = await once(outputOf(holder), "data");
  return { holder, url: JSON.parse(String(line)).url };
}

function outputOf({ stdout }: ChildProcess): Readable {
  if (stdout === null) throw new Error("the holder has no output");
  return stdout;
}

async function kill(holder: ChildProcess): Promise<void> {
  holder.kill("SIGKILL");
  await once(holder, "exit");
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(5);
}

test("a second process is told the pid of the one that has the database", async () => {
  const { holder } = await holdDatabase(root);
  await expect(open(root)).rejects.toThrow(`pid ${holder.pid}`);

  holder.kill("SIGKILL");
  await once(holder, "exit");
  await using _database = await open(root);
});

test("after kill -9 of its process the database is taken over, keeps its data, and leaves no orphan", async () => {
  const { holder, url } = await holdDatabase(root);
  const orphan = await serverPid(root);
  await kill(holder);
  expect(await isRunning(orphan)).toBe(true);

  const database = await open(root);
  const successor = await serverPid(root);
  expect(await isRunning(orphan)).toBe(false);
  expect(database.url).toBe(url);
  expect(await query(database.url, "select answer from kept")).toEqual([{ answer: 42 }]);

  await database[Symbol.asyncDispose]();
  expect(await isRunning(successor)).toBe(false);
});

test.skipIf(process.platform === "win32")(
  "after kill -9 of the server too, the data are still there",
  async () => {
    const { holder } = await holdDatabase(root);
    process.kill((await serverPid(root)) ?? 0, "SIGKILL");
    await kill(holder);

    await using database = await open(root);
    expect(await query(database.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  },
);

test("a creation that was killed half-way is begun anew and leaves nothing behind", async () => {
  const root = await makeProject();
  const directory = path.join(root, ".aegra");
  const holder = startHolder(root);
  const isHalfDone = async () => {
    const names = await readdir(directory).catch((): string[] => []);
    const draft = names.find((name) => name.startsWith("postgres.initdb-"));
    if (draft === undefined) return false;
    const contents = await readdir(path.join(directory, draft, "data")).catch((): string[] => []);
    return contents.includes("PG_VERSION");
  };
  await until(isHalfDone);
  await kill(holder);
  expect(await readdir(directory)).not.toContain("postgres");

  await using database = await open(root);
  expect(await query(database.url, "select 1 as one")).toEqual([{ one: 1 }]);
  expect((await readdir(directory)).filter((name) => name.includes("initdb"))).toEqual([]);
});

test.skipIf(process.platform === "win32")("Ctrl-C in the terminal does not reach the server", async () => {
  // A group of its own stands for the terminal's foreground job, which gets the signal as a whole.
  const holder = startHolder(root, true);
  const [line] = await once(outputOf(holder), "data");
  const pid = await serverPid(root);
  process.kill(-(holder.pid ?? 0), "SIGINT");
  await once(holder, "exit");

  expect(await isRunning(pid)).toBe(true);
  expect(await query(JSON.parse(String(line)).url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await using _successor = await open(root);
});

test("a process that ends without closing the database still stops it", async () => {
  const { holder } = await holdDatabase(root);
  const pid = await serverPid(root);
  // The end of its input is the end of the fixture's last activity.
  holder.stdin?.end();
  const [code] = await once(holder, "exit");

  expect(code).toBe(0);
  await until(async () => !(await isRunning(pid)));
});

test("a pid file that a crash left empty is no obstacle", async () => {
  await writeFile(path.join(root, ".aegra", "postgres", "postmaster.pid"), "");
  await using database = await open(root);
  expect(await query(database.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test.skipIf(process.platform === "win32")(
  "a pid file left by a crash is no obstacle when its pid lives again as another program",
  async () => {
    const first = await open(root);
    const pidFile = path.join(root, ".aegra", "postgres", "postmaster.pid");
    const contents = await readFile(pidFile, "utf8");
    await first[Symbol.asyncDispose]();

    // Postgres disregards processes of other users by itself, so the stranger must be one of its own.
    const { uid, gid } = await stat(path.join(root, ".aegra", "postgres"));
    const stranger = spawn("sleep", ["60"], {
      ...(process.getuid?.() === 0 ? { uid, gid } : {}),
      stdio: "ignore",
    });
    onTestFinished(() => void stranger.kill("SIGKILL"));
    await once(stranger, "spawn");
    await writeFile(pidFile, contents.replace(/^\d+/, String(stranger.pid)));
    await chown(pidFile, uid, gid);

    await using database = await open(root);
    expect(await query(database.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    expect(await isRunning(stranger.pid ?? null)).toBe(true);
  },
);
