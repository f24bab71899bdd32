import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { createTestDatabase } from "../../support/database.ts";
import { startTestServer } from "../../support/server.ts";
import { parseFrames } from "../../support/wire.ts";

const GRAPHS = {
  slow: "slow.ts:graph",
  steps: "steps.ts:graph",
  failing: "failing.ts:graph",
  twice: "questions.ts:twice",
};
const HI = { messages: [{ role: "user", content: "hi" }] };

/**
 * Without a notice, a server would find out by itself that a run has ended after 5 s, and that one is to be
 * cancelled after 10 s; a test that relies on notices has less time than that.
 */
const NOTICED = { timeout: 4000 };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
/** One that only answers, and one that also executes. */
let front: Awaited<ReturnType<typeof startTestServer>>;
let back: Awaited<ReturnType<typeof startTestServer>>;

beforeAll(async () => {
  database = await createTestDatabase();
  front = await startTestServer(database.url, { graphs: GRAPHS, environment: { jobsPerWorker: 0 } });
  back = await startTestServer(database.url, { graphs: GRAPHS });
});

afterAll(async () => {
  await front.close();
  await back.close();
  await database.drop();
});

const newThread = async () => (await front.client.threads.create()).thread_id;

async function startSlow() {
  const gate = createGate();
  const thread_id = await newThread();
  const { run_id } = await front.client.runs.create(thread_id, "slow", { input: { ...HI, gate: gate.name } });
  await gate.arrived;
  return { gate, thread_id, run_id };
}

/** Waits for a run. The headers come once it is found, so nothing that is done then can be faster. */
const joinOnBack = (threadId: string, runId: string) =>
  fetch(`${back.url}/threads/${threadId}/runs/${runId}/join`);

test(
  "a run that is created on one is executed by the other, and waited for on the first",
  NOTICED,
  async () => {
    for (let count = 0; count < 5; count++) {
      const values = await front.client.runs.wait(await newThread(), "steps", { input: HI });
      expect(values).toMatchObject({ messages: [{ content: "hi" }], items: ["a", "b", "c"] });
    }
  },
);

test("a wait on one answers alike when a run on the other asks or fails", NOTICED, async () => {
  expect(await front.client.runs.wait(await newThread(), "twice", { input: HI })).toMatchObject({
    __interrupt__: [{ value: { question: "name?" } }],
  });
  const failing = front.client.runs.wait(await newThread(), "failing", { input: HI });
  await expect(failing).rejects.toThrow("KaboomError: kaboom");
});

test("a join and a stream on one end with the run on the other", NOTICED, async () => {
  const { gate, thread_id, run_id } = await startSlow();
  const join = front.client.runs.join(thread_id, run_id);
  const stream = await fetch(`${front.url}/threads/${thread_id}/runs/${run_id}/stream`);
  gate.open();
  expect(await join).toMatchObject({ items: ["before", "work", "after"] });
  expect(parseFrames(await stream.text()).at(-1)).toMatchObject({
    event: "end",
    data: { run_id, status: "success" },
  });
});

test.each(["interrupt", "rollback"] as const)(
  "a cancel (%s) on one reaches the run on the other",
  NOTICED,
  async (action) => {
    const { thread_id, run_id } = await startSlow();
    await front.client.runs.cancel(thread_id, run_id, true, action);
    expect(await back.client.threads.get(thread_id)).toMatchObject({ status: "idle" });
    const found = front.client.runs.get(thread_id, run_id).then(
      ({ status }) => status,
      () => "gone",
    );
    expect(await found).toBe(action === "rollback" ? "gone" : "interrupted");
  },
);

test("a strategy on one stops the run on the other", NOTICED, async () => {
  const { thread_id } = await startSlow();
  const values = await front.client.runs.wait(thread_id, "steps", {
    input: HI,
    multitaskStrategy: "interrupt",
  });
  expect(values).toMatchObject({ items: ["before", "a", "b", "c"] });
});

test("a thread deleted on one stops its run on the other, and ends who waits there", NOTICED, async () => {
  const { thread_id, run_id } = await startSlow();
  const waiting = await joinOnBack(thread_id, run_id);
  await front.client.threads.delete(thread_id);
  await waiting.text();
});

test(
  "a run that is waiting is cancelled on one, and who waits on the other hears of it",
  NOTICED,
  async () => {
    const thread_id = await newThread();
    const { run_id } = await front.client.runs.create(thread_id, "steps", { input: HI, afterSeconds: 60 });
    const waiting = await joinOnBack(thread_id, run_id);
    await front.client.runs.cancel(thread_id, run_id);
    await waiting.text();
    expect(await back.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  },
);

test("runs of one thread keep their order when both execute", async () => {
  const other = await startTestServer(database.url, { graphs: GRAPHS });
  const thread_id = await newThread();
  const ids = [];
  for (let count = 0; count < 10; count++) {
    const { run_id } = await front.client.runs.create(thread_id, "steps", {
      input: { messages: [{ role: "user", content: String(count) }] },
    });
    ids.push(run_id);
  }
  const { messages } = (await back.client.runs.join(thread_id, ids.at(-1) ?? "")) as unknown as {
    messages: { content: string }[];
  };
  expect(messages.map(({ content }) => content)).toEqual(
    Array.from({ length: 10 }, (_, count) => String(count)),
  );
  await other.close();
});

describe("when the connections for notices are cut", () => {
  async function notifiers(): Promise<number[]> {
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const { rows } = await client.query<{ pid: number }>(
      "select pid from pg_stat_activity where application_name = 'aegra notify' and datname = current_database()",
    );
    await client.end();
    return rows.map(({ pid }) => pid);
  }

  test("they are opened again, and carry notices", async () => {
    const cut = await notifiers();
    expect(cut).toHaveLength(2);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query("select pg_terminate_backend(pid) from unnest($1::int[]) as pid", [cut]);
    await client.end();
    await expect.poll(async () => (await notifiers()).filter((pid) => !cut.includes(pid)).length).toBe(2);
    // Connected is not yet listening.
    await new Promise((resolve) => setTimeout(resolve, 100));
  });

  test("so that a cancel and an end get through as before", NOTICED, async () => {
    const { thread_id, run_id } = await startSlow();
    await front.client.runs.cancel(thread_id, run_id, true);
    expect(await front.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  });
});
