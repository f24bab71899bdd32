import pg from "pg";
import { beforeAll, describe, expect, inject, test } from "vitest";
import { upgradeDatabase } from "../../../src/server/upgrade-database.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { createTestDatabase, testDatabaseUrl } from "../../support/database.ts";
import { emptyDatabaseUrl } from "../../support/empty-database.ts";
import { hasPgBouncer, type PgBouncer, startPgBouncer } from "../../support/pgbouncer.ts";
import { type LogLine, startTestServer, testServer } from "../../support/server.ts";
import { dataOf, namesOf, parseFrames, post, runIdOf, streamFrames } from "../../support/wire.ts";

const GRAPHS = {
  steps: "steps.ts:graph",
  tokens: "tokens.ts:graph",
  slow: "slow.ts:graph",
  notebook: "notebook.ts:graph",
  twice: "questions.ts:twice",
};
const HI = { messages: [{ role: "user", content: "hi" }] };
/** Short, since without notices a cancel is heard of when a lease is renewed. */
const LEASE_MS = 1500;
const WARN = 40;

/** Few enough for all of them to be used by everyone. */
const POOL_SIZE = 6;

let bouncer: PgBouncer;

beforeAll(async () => {
  if (!hasPgBouncer) return;
  bouncer = await startPgBouncer(inject("databaseServerUrl"), { poolSize: POOL_SIZE });
  return () => bouncer[Symbol.asyncDispose]();
});

const complaintsIn = (lines: readonly LogLine[]) =>
  lines.filter(({ level }) => level >= WARN).map(({ msg }) => msg);

async function query<T extends object>(url: string, sql: string): Promise<readonly T[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

describe.skipIf(!hasPgBouncer)("behind PgBouncer in transaction mode", () => {
  test("tables are made by one of several processes, and no lock stays behind", async () => {
    const url = await emptyDatabaseUrl();
    const through = bouncer.through(url);
    const applied = await Promise.all([1, 2, 3].map(() => upgradeDatabase(through)));
    expect(applied.map(({ length }) => length > 0).toSorted()).toEqual([false, false, true]);
    await expect.poll(() => query(url, "select objid from pg_locks where locktype = 'advisory'")).toEqual([]);
    expect(await upgradeDatabase(through, { lockTimeoutMs: 1000 })).toEqual([]);
  });

  describe.each([
    { how: "with a direct connection for notices", isDirect: true, complaints: [] },
    {
      how: "without one",
      isDirect: false,
      complaints: ["notices of other servers do not arrive", "notices of other servers do not arrive"],
    },
  ])("$how", ({ isDirect, complaints }) => {
    const logLines: LogLine[] = [];
    let url: string;
    /** It only answers; another one executes. */
    let front: Awaited<ReturnType<typeof startTestServer>>;

    beforeAll(async () => {
      const database = await createTestDatabase();
      url = database.url;
      const environment = {
        preparesStatements: false,
        directDatabaseUrl: isDirect ? url : null,
        leaseMs: LEASE_MS,
      };
      const through = bouncer.through(url);
      front = await startTestServer(through, {
        graphs: GRAPHS,
        logLines,
        environment: { ...environment, jobsPerWorker: 0 },
      });
      const back = await startTestServer(through, { graphs: GRAPHS, logLines, environment });
      return async () => {
        await front.close();
        await back.close();
        await database.drop();
      };
    });

    const newThread = async () => (await front.client.threads.create()).thread_id;

    test("runs that overlap on another server keep their checkpoints apart", async () => {
      const threads = await Promise.all(Array.from({ length: 20 }, newThread));
      const results = await Promise.all(
        threads.map((id) => front.client.runs.wait(id, "steps", { input: HI })),
      );
      for (const result of results) {
        expect(result).toMatchObject({ messages: [{ content: "hi" }], items: ["a", "b", "c"] });
      }
      for (const id of threads.slice(0, 3)) {
        const history = await front.client.threads.getHistory(id);
        expect(history.map(({ metadata }) => metadata?.["step"])).toEqual([3, 2, 1, 0, -1]);
      }
    });

    test("a stream has every event of a run on another server, and again afterwards", async () => {
      const runs = `${front.url}/threads/${await newThread()}/runs`;
      const frames = await streamFrames(`${runs}/stream`, {
        assistant_id: "tokens",
        input: HI,
        stream_mode: ["messages-tuple"],
      });
      const tokens = dataOf(frames, "messages").map((data) => (data as [{ content: string }])[0].content);
      expect(tokens.join("")).toBe(Array.from({ length: 100 }, (_, index) => `t${index} `).join(""));
      expect(namesOf(frames).at(-1)).toBe("end");
      const again = await fetch(`${runs}/${runIdOf(frames)}/stream`, { headers: { "last-event-id": "-1" } });
      expect(parseFrames(await again.text())).toEqual(frames);
    });

    test("a run longer than its lease keeps it, and a cancel on another server reaches it", async () => {
      const thread_id = await newThread();
      const gate = createGate();
      const { run_id } = await front.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
      await gate.arrived;
      await new Promise((resolve) => setTimeout(resolve, 2 * LEASE_MS));
      await front.client.runs.cancel(thread_id, run_id, true);
      expect(await front.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
      expect(
        await query(url, "select max(attempt) as attempts, sum(crashes)::int as crashes from runs"),
      ).toEqual([{ attempts: 1, crashes: 0 }]);
    });

    test("a graph asks and is answered, and uses the store", async () => {
      const thread_id = await newThread();
      expect(await front.client.runs.wait(thread_id, "twice", { input: HI })).toHaveProperty("__interrupt__");
      const answered = await front.client.runs.wait(thread_id, "twice", { command: { resume: "Ada" } });
      expect(answered).not.toHaveProperty("__error__");
      await front.client.runs.wait(await newThread(), "notebook", {
        input: { notes: [["put", ["a"], "key", { value: 1 }]] },
      });
      expect(await front.client.store.getItem(["a"], "key")).toMatchObject({ value: { value: 1 } });
    });

    test("connections that others use afterwards are as they were", async () => {
      // More at once than the pooler has, so that it is each of them.
      const settings = await Promise.all(
        Array.from({ length: 2 * POOL_SIZE }, () =>
          query(
            bouncer.through(url),
            "select current_setting('synchronous_commit') as sync, pg_sleep(0.2)::text",
          ),
        ),
      );
      expect(settings.flat().filter((row) => (row as { sync: string }).sync !== "on")).toEqual([]);
    });

    test("what the user should know is said once", () => {
      expect(complaintsIn(logLines)).toEqual(complaints);
    });
  });

  test("a server that prepares statements finds out, says once what to set, and goes on without", async () => {
    const logLines: LogLine[] = [];
    const url = await testDatabaseUrl();
    const databaseUrl = bouncer.through(url);
    const environment = { directDatabaseUrl: url };
    // Two of them get in each other's way at once; the second one has to start all the same.
    const servers = [
      await testServer({ databaseUrl, graphs: GRAPHS, environment, logLines }),
      await testServer({ databaseUrl, graphs: GRAPHS, environment }),
    ];
    const runAll = () =>
      Promise.allSettled(
        Array.from({ length: 20 }, (_, index) =>
          servers[index % 2]?.client.runs.wait(null, "steps", { input: HI }),
        ),
      );
    for (const result of await runAll()) {
      const refused = { status: "rejected", reason: { status: 503 } };
      expect(result).toMatchObject(
        result.status === "rejected" ? refused : { value: { items: ["a", "b", "c"] } },
      );
    }
    for (const result of await runAll()) expect(result).toMatchObject({ value: { items: ["a", "b", "c"] } });
    const said = logLines.filter(({ msg }) => msg === "prepared statements get lost");
    expect(said).toMatchObject([{ remedy: expect.stringContaining("AEGRA_PREPARED_STATEMENTS=false") }]);
    expect(await query(url, "select status from runs where status <> 'success'")).toEqual([]);
  });

  test("a pooler that has no connection left is a database that is away", async () => {
    await using small = await startPgBouncer(inject("databaseServerUrl"), {
      poolSize: 1,
      settings: { query_wait_timeout: "1" },
    });
    const url = await testDatabaseUrl();
    const environment = { preparesStatements: false, directDatabaseUrl: url };
    const server = await testServer({ databaseUrl: small.through(url), graphs: GRAPHS, environment });
    const holder = new pg.Client({ connectionString: small.through(url) });
    await holder.connect();
    await holder.query("begin");
    const refused = await post(`${server.url}/threads`, {});
    expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "1"]);
    await holder.end();
    expect(await server.client.runs.wait(null, "steps", { input: HI })).toMatchObject({
      items: ["a", "b", "c"],
    });
    await server.close();
  });
});

test.skipIf(!hasPgBouncer)(
  "PgBouncer in session mode needs no settings",
  async () => {
    await using pooler = await startPgBouncer(inject("databaseServerUrl"), { poolMode: "session" });
    const databaseUrl = pooler.through(await testDatabaseUrl());
    const logLines: LogLine[] = [];
    const options = { databaseUrl, graphs: GRAPHS, logLines };
    // Without notices, the one that answers would learn of the cancel's end, and the other of the cancel, in ten seconds.
    const front = await testServer({ ...options, environment: { jobsPerWorker: 0 } });
    const back = await testServer(options);
    const { thread_id } = await front.client.threads.create();
    const gate = createGate();
    const { run_id } = await front.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    await front.client.runs.cancel(thread_id, run_id, true);
    for (let count = 0; count < 10; count++) {
      expect(await front.client.runs.wait(null, "steps", { input: HI })).toMatchObject({
        items: ["a", "b", "c"],
      });
    }
    expect(complaintsIn(logLines)).toEqual([]);
    await front.close();
    await back.close();
  },
  8000,
);
