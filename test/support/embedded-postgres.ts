import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { DevDatabase } from "../../src/database/dev-database.ts";
import { findBinaries, type PostgresBinaries } from "../../src/database/embedded/binaries.ts";
import { openEmbeddedDatabase } from "../../src/database/embedded/open-embedded-database.ts";
import { acquireProjectLock } from "../../src/database/project-lock.ts";

const PREFIX = "aegra-test-postgres-";

/** A Postgres for tests, with data that are thrown away when it is disposed. */
export interface TestPostgres extends AsyncDisposable {
  /** Its user may create databases. */
  readonly url: string;
  /** Ends every connection, and is back on the same port a moment later. */
  restart(): Promise<void>;
}

/** Starts a Postgres, and removes those that killed test runs have left. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const found = await findBinaries(process.cwd());
  if (found.kind === "missing") {
    throw new Error(`Tests need a Postgres: ${found.why}. Set AEGRA_TEST_DATABASE_URL to use another one.`);
  }
  await removeOrphans(found.binaries);

  const root = await createRoot();
  const lock = await acquireProjectLock(root, null);
  let database = await open(root, found.binaries);
  return {
    url: database.url,
    async restart() {
      const { url } = database;
      await database[Symbol.asyncDispose]();
      database = await open(root, found.binaries);
      if (database.url !== url) throw new Error("another program has taken the port of Postgres");
    },
    async [Symbol.asyncDispose]() {
      await database[Symbol.asyncDispose]();
      await lock[Symbol.asyncDispose]();
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function createRoot(): Promise<string> {
  const root = await mkdtemp(path.join(tmpdir(), PREFIX));
  // As root, Postgres runs as another user, who must be able to pass.
  await chmod(root, 0o755);
  return root;
}

const open = (projectRoot: string, binaries: PostgresBinaries): Promise<DevDatabase> =>
  openEmbeddedDatabase({
    projectRoot,
    binaries,
    // The data are thrown away, so nothing is lost by not syncing them; test files each keep several pools.
    settings: { fsync: "off", full_page_writes: "off", max_connections: "300" },
    onProgress: () => undefined,
  });

/** Runs that were killed leave a Postgres behind, which nobody else would ever stop. */
async function removeOrphans(binaries: PostgresBinaries): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const root = path.join(tmpdir(), name);
    // Without a lock file it may belong to a run that is just starting.
    if (!name.startsWith(PREFIX) || !(await isThere(path.join(root, ".aegra", "dev.lock")))) continue;
    try {
      await using _lock = await acquireProjectLock(root, null);
      // Opening it stops the server that was left, and the new one can be stopped.
      if (await isThere(path.join(root, ".aegra", "postgres", "postmaster.pid"))) {
        await (await open(root, binaries))[Symbol.asyncDispose]();
      }
      await rm(root, { recursive: true, force: true, maxRetries: 5 });
    } catch {
      // Its run is alive, or another run is removing it at this moment.
    }
  }
}

const isThere = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );
