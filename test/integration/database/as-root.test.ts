import { chmod, mkdir, readdir, rm, stat } from "node:fs/promises";
import path from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { findBinaries } from "../../../src/database/embedded/binaries.ts";
import { openEmbeddedDatabase } from "../../../src/database/embedded/open-embedded-database.ts";
import { choosePlace } from "../../../src/database/embedded/place.ts";
import { openDevDatabase } from "../../../src/database/open-dev-database.ts";
import { copyInstallation, isRunning, makeProject, query, serverPid } from "../../support/dev-project.ts";

const isRoot = process.platform === "linux" && process.getuid?.() === 0;

/** A project that only root can enter, as one below /root. */
async function makeClosedProject(): Promise<string> {
  const base = await makeProject();
  const root = path.join(base, "project");
  await mkdir(root);
  await chmod(base, 0o700);
  const { home } = await choosePlace(await ensureFolder(root), () => undefined);
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return root;
}

async function ensureFolder(root: string): Promise<string> {
  const directory = path.join(root, ".aegra");
  await mkdir(directory, { recursive: true });
  return directory;
}

// Skipped for ordinary users: there Postgres runs as the same user and none of this arises.
describe.skipIf(!isRoot)("as root", () => {
  test("Postgres runs as another user, who owns its data, and a folder closed to it later is named", async () => {
    const base = await makeProject();
    const root = path.join(base, "project");
    await mkdir(root);
    const database = await openDevDatabase({ projectRoot: root, databaseUrl: null });
    const { uid } = await stat(path.join(root, ".aegra", "postgres"));
    const { uid: serverUid } = await stat(`/proc/${await serverPid(root)}`);
    await database[Symbol.asyncDispose]();
    expect(uid).not.toBe(0);
    expect(serverUid).toBe(uid);

    await chmod(base, 0o700);
    await expect(openDevDatabase({ projectRoot: root, databaseUrl: null })).rejects.toMatchObject({
      name: "DatabaseError",
      suggestions: expect.arrayContaining([`Let it pass through: chmod o+x ${base}`]),
    });
  });

  test("a project that this user cannot enter keeps its data in a folder of the system, and says so", async () => {
    const root = await makeClosedProject();
    const first = await openDevDatabase({ projectRoot: root, databaseUrl: null });
    await query(first.url, "create table kept as select 42 as answer");
    expect(first.description).toContain(`cannot enter ${path.dirname(root)}`);
    expect(first.description).toContain("/var/lib/aegra/");
    await first[Symbol.asyncDispose]();

    // Opened later, the project still has the data it began with.
    await chmod(path.dirname(root), 0o755);
    await using second = await openDevDatabase({ projectRoot: root, databaseUrl: null });
    expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
    expect(await readdir(path.join(root, ".aegra"))).not.toContain("postgres");
  });

  test("programs that this user cannot reach are copied to where it can", async () => {
    const found = await findBinaries(process.cwd());
    if (found.kind === "missing") return expect.unreachable(found.why);
    const closed = await makeProject();
    const directory = path.join(closed, "native");
    await copyInstallation(found.binaries.directory, directory);
    await chmod(closed, 0o700);
    const moved = (program: string) => path.join(directory, path.relative(found.binaries.directory, program));
    const { version, initdb, pgCtl, postgres } = found.binaries;

    const root = await makeProject();
    const lines: string[] = [];
    const database = await openEmbeddedDatabase({
      projectRoot: root,
      // A version of its own, so that the copy is made for this test and can be removed after it.
      binaries: {
        version: `${version}.${process.pid}`,
        directory,
        initdb: moved(initdb),
        pgCtl: moved(pgCtl),
        postgres: moved(postgres),
      },
      onProgress: (line) => lines.push(line),
    });
    onTestFinished(() =>
      rm(`/var/lib/aegra/postgres-${version}.${process.pid}-${process.platform}-${process.arch}`, {
        recursive: true,
      }),
    );
    expect(await query(database.url, "select 1 as one")).toEqual([{ one: 1 }]);
    expect(lines.join("\n")).toContain(`(${closed} is closed to the user it runs as)`);
    const pid = await serverPid(root);
    await database[Symbol.asyncDispose]();
    expect(await isRunning(pid)).toBe(false);
  });
});
