import pg from "pg";
import { expect, inject, onTestFinished, test } from "vitest";
import { upgradeDatabase } from "../../../src/server/upgrade-database.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { startTestPostgres } from "../../support/embedded-postgres.ts";
import { openStream } from "../../support/open-stream.ts";
import { type TestServerOptions, testServer } from "../../support/server.ts";
import { post } from "../../support/wire.ts";

const GRAPHS = { steps: "steps.ts:graph", slow: "slow.ts:graph" };
const DONE = { items: ["before", "work", "after"] };

/** A server, and a connection from which its database can be ill-treated. */
async function serverWithAdmin(options: TestServerOptions = {}) {
  const server = await testServer({ graphs: GRAPHS, ...options });
  const name = new URL(server.databaseUrl).pathname.slice(1);
  const admin = new pg.Client({ connectionString: inject("databaseServerUrl") });
  await admin.connect();
  onTestFinished(() => admin.end());
  const attemptsOf = async (runId: string) => {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    const { rows } = await client.query("select attempt, crashes from runs where run_id = $1", [runId]);
    await client.end();
    return rows[0];
  };
  return {
    ...server,
    admin,
    name,
    attemptsOf,
    newThread: async () => (await server.client.threads.create()).thread_id,
    /** Holds from the next connection on, so all that there are end. */
    async set(setting: string) {
      await admin.query(`alter database ${name} ${setting}`);
      await admin.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [name]);
    },
  };
}

/** What a caller sees who may come again. */
async function expectUnavailable(answer: Promise<Response> | Response) {
  const response = await answer;
  expect([response.status, await response.json()]).toMatchObject([503, { error: "service_unavailable" }]);
  expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
}

/** Whoever has just lost a connection may be told so once; what is tested is what comes after. */
const eventually = (isTrue: () => Promise<unknown>) => expect.poll(isTrue, { timeout: 10_000 });

test("while the database is read-only, requests that write are told to come again, reads are answered, and runs go on afterwards", async () => {
  const server = await serverWithAdmin();
  const thread_id = await server.newThread();
  const gate = createGate();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  await server.set("set default_transaction_read_only = on");
  await eventually(async () => (await fetch(`${server.url}/threads/${thread_id}`)).status).toBe(200);
  await expectUnavailable(post(`${server.url}/threads`, {}));
  await expectUnavailable(
    post(`${server.url}/threads/${thread_id}/runs`, { assistant_id: "steps", input: {} }),
  );
  await expectUnavailable(post(`${server.url}/threads/${thread_id}/state`, { values: { items: ["x"] } }));
  gate.open();
  const joined = server.client.runs.join(thread_id, run_id);
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await server.set("reset default_transaction_read_only");
  expect(await joined).toMatchObject(DONE);
  expect(await server.attemptsOf(run_id)).toEqual({ attempt: 1, crashes: 0 });
  expect(await server.client.runs.wait(await server.newThread(), "steps", { input: {} })).toMatchObject({
    items: ["a", "b", "c"],
  });
});

test.each(["statement_timeout", "lock_timeout"])(
  "with a %s, requests that come too late are told to come again, and runs go on once the way is free",
  async (timeout) => {
    const server = await serverWithAdmin();
    const thread_id = await server.newThread();
    const gate = createGate();
    const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    await server.set(`set ${timeout} = '200ms'`);
    await eventually(async () => (await fetch(`${server.url}/threads/${thread_id}`)).status).toBe(200);

    const holder = new pg.Client({ connectionString: server.databaseUrl });
    await holder.connect();
    await holder.query(
      "set statement_timeout = 0; begin; lock table threads, checkpoints in access exclusive mode",
    );
    await expectUnavailable(post(`${server.url}/threads`, {}));
    await expectUnavailable(fetch(`${server.url}/threads/${thread_id}`));
    await expectUnavailable(fetch(`${server.url}/threads/${thread_id}/state`));
    await expectUnavailable(
      post(`${server.url}/threads/${thread_id}/runs`, { assistant_id: "steps", input: {} }),
    );
    gate.open();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await holder.end();
    expect(await server.client.runs.join(thread_id, run_id)).toMatchObject(DONE);
    expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
    expect(await server.attemptsOf(run_id)).toEqual({ attempt: 1, crashes: 0 });
  },
);

test("while Postgres lets nobody in, requests are told to come again, and runs go on afterwards", async () => {
  const server = await serverWithAdmin();
  const thread_id = await server.newThread();
  const gate = createGate();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  await server.set("allow_connections false");
  for (const path of [`/threads/${thread_id}`, `/threads/${thread_id}/state`]) {
    await expectUnavailable(fetch(server.url + path));
  }
  await expectUnavailable(post(`${server.url}/threads`, {}));
  expect((await fetch(`${server.url}/ready`)).status).toBe(503);
  gate.open();
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await server.set("allow_connections true");
  expect(await server.client.runs.join(thread_id, run_id)).toMatchObject(DONE);
  expect(await server.attemptsOf(run_id)).toEqual({ attempt: 1, crashes: 0 });
});

/** A server on a Postgres of its own, which can be ill-treated as a whole. */
async function serverWithPostgres(options: TestServerOptions = {}) {
  const postgres = await startTestPostgres();
  onTestFinished(() => postgres[Symbol.asyncDispose]());
  await upgradeDatabase(postgres.url);
  return { ...(await testServer({ graphs: GRAPHS, databaseUrl: postgres.url, ...options })), postgres };
}

test("while others have all connections of Postgres, requests are told to come again, and runs go on afterwards", async () => {
  const server = await serverWithPostgres();
  const { thread_id } = await server.client.threads.create();
  const gate = createGate();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  const others: pg.Client[] = [];
  const endOthers = async () => void (await Promise.all(others.splice(0).map((other) => other.end())));
  onTestFinished(endOthers);
  /** @returns the SQLSTATE with which Postgres refuses one more */
  const takeAll = async (): Promise<unknown> => {
    for (;;) {
      const other = new pg.Client({ connectionString: server.databaseUrl });
      other.on("error", () => undefined); // when Postgres is stopped
      try {
        await other.connect();
      } catch (error) {
        return (error as pg.DatabaseError).code;
      }
      others.push(other);
    }
  };
  /** The server may get one back before the others take it, and then serves its requests with it. */
  const untilRefused = async (request: () => Promise<Response>) => {
    for (;;) {
      expect(await takeAll()).toBe("53300");
      const response = await request();
      if (!response.ok) return response;
      await others[0]?.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'aegra%'",
      );
    }
  };
  await expectUnavailable(untilRefused(() => fetch(`${server.url}/threads/${thread_id}`)));
  await expectUnavailable(untilRefused(() => post(`${server.url}/threads`, {})));
  gate.open();
  await endOthers();
  expect(await server.client.runs.join(thread_id, run_id)).toMatchObject(DONE);
  expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
});

test("a Postgres that is restarted under 20 runs loses none of them, and each is done once", async () => {
  const server = await serverWithPostgres({ environment: { jobsPerWorker: 20 } });
  const runs = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const { thread_id } = await server.client.threads.create();
      const gate = createGate();
      const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
      return { thread_id, run_id, gate };
    }),
  );
  await Promise.all(runs.map(({ gate }) => gate.arrived));
  const restarted = server.postgres.restart();
  for (const { gate } of runs) gate.open();
  await restarted;
  for (const { thread_id, run_id } of runs) {
    await eventually(() =>
      server.client.runs.get(thread_id, run_id).then(
        ({ status }) => status,
        () => "unavailable",
      ),
    ).toBe("success");
    expect(await server.client.threads.getState(thread_id)).toMatchObject({ values: DONE, next: [] });
  }
});

test("when every connection of the pool is held, a request is told to come again, and the next ones are answered", async () => {
  const server = await serverWithAdmin({ environment: { poolSize: 2 } });
  const thread_id = await server.newThread();
  const holder = new pg.Client({ connectionString: server.databaseUrl });
  await holder.connect();
  await holder.query("begin; lock table threads in access exclusive mode");
  const held = fetch(`${server.url}/threads/${thread_id}`);
  await eventually(async () => {
    const { rows } = await server.admin.query(
      "select from pg_locks join pg_database on oid = database where datname = $1 and not granted",
      [server.name],
    );
    return rows.length;
  }).toBe(1);
  await expectUnavailable(fetch(`${server.url}/assistants/${thread_id}`));
  await holder.end();
  expect((await held).status).toBe(200);
  expect((await fetch(`${server.url}/threads/${thread_id}`)).status).toBe(200);
});

test.each([
  { where: "here", jobsPerWorker: 10 },
  { where: "on another server", jobsPerWorker: 0 },
])("200 open streams of runs $where hold none of three connections", async ({ jobsPerWorker }) => {
  const server = await serverWithAdmin({ environment: { poolSize: 3, jobsPerWorker } });
  if (jobsPerWorker === 0) await testServer({ graphs: GRAPHS, databaseUrl: server.databaseUrl });
  const thread_id = await server.newThread();
  const gate = createGate();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  const path = `${server.url}/threads/${thread_id}/runs/${run_id}/stream`;
  const streams = await Promise.all(
    Array.from({ length: 200 }, () => openStream(path, { "last-event-id": "-1" })),
  );
  await Promise.all(streams.map((stream) => stream.until((frames) => frames.length > 0)));
  const others = await Promise.all(
    Array.from({ length: 10 }, () => server.client.runs.wait(null, "steps", { input: {} })),
  );
  for (const values of others) expect(values).toMatchObject({ items: ["a", "b", "c"] });
  gate.open();
  const [first = [], ...rest] = await Promise.all(streams.map((stream) => stream.ended()));
  expect(first.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  for (const frames of rest) expect(frames).toEqual(first);
});
