import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { type TestServerOptions, testServer } from "../../support/server.ts";

/** Longer than a connection of the pool is waited for at a time. */
const LONG_MS = 11_000;

const GRAPHS = {
  steps: "steps.ts:graph",
  slow: "slow.ts:graph",
  notebook: "notebook.ts:graph",
  refused: "failing.ts:refused",
};

/** A server, and a connection from which its tables can be locked and its connections cut. */
async function serverWithAdmin(options: TestServerOptions = {}) {
  const server = await testServer({ graphs: GRAPHS, ...options });
  const connect = async () => {
    const client = new pg.Client({ connectionString: server.databaseUrl });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  };
  const admin = await connect();
  // One more, for in a transaction Postgres tells of its connections what was true at the first look.
  const observer = await connect();

  /** Connections of the server that wait for a lock. */
  const blocked = async () => {
    const { rows } = await observer.query<{ pid: number }>(
      `select pid from pg_stat_activity
        where datname = current_database() and application_name = 'aegra' and wait_event_type = 'Lock'`,
    );
    return rows.map(({ pid }) => pid);
  };
  /** Cuts those, once there are any. */
  const cutBlocked = async () => {
    await expect.poll(blocked, { timeout: 5000 }).not.toEqual([]);
    const pids = await blocked();
    await observer.query("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", [pids]);
    await expect.poll(async () => (await blocked()).filter((pid) => pids.includes(pid))).toEqual([]);
  };
  const newThread = async () => (await server.client.threads.create()).thread_id;
  const attemptsOf = async (runId: string) => {
    const { rows } = await observer.query("select attempt, crashes from runs where run_id = $1", [runId]);
    return rows[0];
  };
  return { ...server, admin, cutBlocked, newThread, attemptsOf };
}

type Cut = Awaited<ReturnType<typeof serverWithAdmin>>;

const run = ({ client }: Cut, threadId: string) =>
  client.runs.wait(threadId, "steps", { input: {} }) as Promise<unknown>;

test("100 runs at once share one connection for their checkpoints and one for their rows", async () => {
  const server = await serverWithAdmin({
    environment: { poolSize: 2, jobsPerWorker: 100 },
  });
  const threads = await Promise.all(Array.from({ length: 100 }, server.newThread));
  const results = await Promise.all(threads.map((threadId) => run(server, threadId)));
  expect(
    results.filter((result) => JSON.stringify(result) === '{"messages":[],"items":["a","b","c"]}'),
  ).toHaveLength(100);
});

test("runs wait for a connection for as long as it takes", { timeout: 40_000 }, async () => {
  const server = await serverWithAdmin({ environment: { poolSize: 2, jobsPerWorker: 4 } });
  const threads = await Promise.all(Array.from({ length: 4 }, server.newThread));
  await server.admin.query("begin; lock table checkpoints in access exclusive mode");
  const running = threads.map((threadId) => run(server, threadId));
  await new Promise((resolve) => setTimeout(resolve, LONG_MS));
  await server.admin.query("rollback");
  for (const result of await Promise.all(running)) expect(result).toMatchObject({ items: ["a", "b", "c"] });
});

test.for(["checkpoints", "checkpoint_writes", "checkpoint_blobs"])(
  "a run whose connection breaks while it uses %s goes on, its input applied once",
  async (table) => {
    const server = await serverWithAdmin();
    const thread_id = await server.newThread();
    const gate = createGate();
    const { run_id } = await server.client.runs.create(thread_id, "slow", {
      input: { items: ["input"], gate: gate.name },
    });
    await gate.arrived;
    await server.admin.query(`begin; lock table ${table} in access exclusive mode`);
    gate.open();
    await server.cutBlocked();
    await server.cutBlocked();
    await server.admin.query("rollback");
    expect(await server.client.runs.join(thread_id, run_id)).toMatchObject({
      items: ["input", "before", "work", "after"],
    });
    expect(await server.attemptsOf(run_id)).toEqual({ attempt: 1, crashes: 0 });
  },
);

test("a run whose connection breaks while its end is written has ended, once", async () => {
  const server = await serverWithAdmin();
  const thread_id = await server.newThread();
  const gate = createGate();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  // The end of a run locks its thread first.
  await server.admin.query("begin");
  await server.admin.query("select from threads where thread_id = $1 for update", [thread_id]);
  gate.open();
  await server.cutBlocked();
  await server.cutBlocked();
  await server.admin.query("rollback");
  expect(await server.client.runs.join(thread_id, run_id)).toMatchObject({
    items: ["before", "work", "after"],
  });
  expect(await server.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
  expect(await server.attemptsOf(run_id)).toEqual({ attempt: 1, crashes: 0 });
});

test("a graph whose connection breaks while it uses the store goes on", async () => {
  const server = await serverWithAdmin();
  const thread_id = await server.newThread();
  await server.admin.query("begin; lock table store in access exclusive mode");
  const notes = [["put", ["a"], "key", { value: 1 }]];
  const running = server.client.runs.wait(thread_id, "notebook", { input: { notes } });
  await server.cutBlocked();
  await server.admin.query("rollback");
  expect(await running).not.toHaveProperty("__error__");
  expect(await server.client.store.getItem(["a"], "key")).toMatchObject({ value: { value: 1 } });
});

test("what a graph's own database says is the graph's failure", async () => {
  const server = await serverWithAdmin();
  const thread_id = await server.newThread();
  const result = await server.client.runs.wait(thread_id, "refused", { input: {}, raiseError: false });
  expect(result).toMatchObject({ __error__: { message: expect.stringContaining("ECONNREFUSED") } });
});
