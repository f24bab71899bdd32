import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { createTestDatabase, testDatabaseUrl } from "../../support/database.ts";
import { openStream } from "../../support/open-stream.ts";
import { startTestServer, testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";
import { type Frame, parseFrames } from "../../support/wire.ts";

const GRAPHS = {
  slow: "slow.ts:graph",
  deaf: "slow.ts:deaf",
  steps: "steps.ts:graph",
  failing: "failing.ts:graph",
  twice: "questions.ts:twice",
  tokens: "tokens.ts:graph",
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

async function startSlow(graph = "slow") {
  const gate = createGate();
  const thread_id = await newThread();
  const { run_id } = await front.client.runs.create(thread_id, graph, { input: { ...HI, gate: gate.name } });
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

const framesOf = async (response: Response) => parseFrames(await response.text());

const streamOf = (url: string, threadId: string, runId: string, lastEventId = "-1") =>
  fetch(`${url}/threads/${threadId}/runs/${runId}/stream`, { headers: { "last-event-id": lastEventId } });

test(
  "a stream that is opened on one has every event of a run on the other, once and in order",
  NOTICED,
  async () => {
    const streams = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const thread_id = await newThread();
        const response = await fetch(`${front.url}/threads/${thread_id}/runs/stream`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({
            assistant_id: "tokens",
            input: HI,
            stream_mode: ["messages-tuple", "values"],
          }),
        });
        return { thread_id, frames: await framesOf(response) };
      }),
    );
    for (const { thread_id, frames } of streams) {
      const run_id = (frames[0] as Frame & { data: { run_id: string } }).data.run_id;
      const tokens = frames.flatMap(({ event, data }) =>
        event === "messages" ? [(data as [{ content: string }])[0].content] : [],
      );
      expect(tokens.join("")).toBe(Array.from({ length: 100 }, (_, index) => `t${index} `).join(""));
      expect(frames.map(({ id }) => Number(id))).toEqual(frames.map((_, index) => index + 1));
      expect(frames.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
      // The same from either, from the beginning and from any place.
      for (const { url } of [front, back]) {
        expect(await framesOf(await streamOf(url, thread_id, run_id))).toEqual(frames);
        expect(await framesOf(await streamOf(url, thread_id, run_id, frames[49]?.id ?? ""))).toEqual(
          frames.slice(50),
        );
      }
    }
  },
);

test("a client that changes servers during a run misses and repeats nothing", NOTICED, async () => {
  const { gate, thread_id, run_id } = await startSlow();
  const first = await streamOf(back.url, thread_id, run_id);
  const reader = first.body?.pipeThrough(new TextDecoderStream()).getReader();
  let seen = "";
  while (!seen.includes("before")) seen += (await reader?.read())?.value ?? "";
  await reader?.cancel();
  const before = parseFrames(seen);

  const rest = await streamOf(front.url, thread_id, run_id, before.at(-1)?.id ?? "");
  gate.open();
  const all = await framesOf(await streamOf(back.url, thread_id, run_id));
  expect([...before, ...(await framesOf(rest))]).toEqual(all);
  expect(all.map(({ id }) => Number(id))).toEqual(all.map((_, index) => index + 1));
});

test(
  "a stateless run that the other executes is waited for and streamed to its result",
  NOTICED,
  async () => {
    for (let count = 0; count < 5; count++) {
      expect(await front.client.runs.wait(null, "steps", { input: HI })).toMatchObject({
        items: ["a", "b", "c"],
      });
    }
    const events = await Array.fromAsync(front.client.runs.stream(null, "steps", { input: HI }));
    expect(events.filter(({ event }) => event === "values").at(-1)?.data).toMatchObject({
      items: ["a", "b", "c"],
    });
    await expect(front.client.runs.wait(null, "failing", { input: HI })).rejects.toThrow(
      "KaboomError: kaboom",
    );
  },
);

test("a stream of a thread on one tells of the runs on the other, and goes on there", NOTICED, async () => {
  const thread_id = await newThread();
  const open = (url: string, lastEventId?: string) =>
    openStream(
      `${url}/threads/${thread_id}/stream`,
      lastEventId === undefined ? {} : { "last-event-id": lastEventId },
    );
  const [here, there] = [await open(front.url), await open(back.url)];
  for (let count = 0; count < 2; count++) await front.client.runs.wait(thread_id, "steps", { input: HI });
  const isDone = (frames: readonly Frame[]) =>
    frames.filter(({ data }) => (data as { status?: string } | null)?.status === "run_done").length === 2;
  const [all, same] = [await here.until(isDone), await there.until(isDone)];
  expect(all).toEqual(same);
  const rest = await open(front.url, all[5]?.id ?? "");
  expect(await rest.until((frames) => frames.length === all.length - 6)).toEqual(all.slice(6));
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

test("a cancel on one is final although the node on the other ignores it", async () => {
  const { gate, thread_id, run_id } = await startSlow("deaf");
  await front.client.runs.cancel(thread_id, run_id, true);
  expect(await front.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  expect(await front.client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  const before = await front.client.threads.getHistory(thread_id);

  // What the node does afterwards is lost.
  gate.open();
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(await front.client.threads.getHistory(thread_id)).toEqual(before);
  expect(await front.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
});

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

test.each(["created", "joined"])(
  "a stream that is %s on one goes on when the process that executes the run is killed",
  async (how) => {
    const databaseUrl = await testDatabaseUrl();
    const environment = { leaseMs: 1000 };
    const reading = await testServer({
      graphs: GRAPHS,
      databaseUrl,
      environment: { ...environment, jobsPerWorker: 0 },
    });
    const dying = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "1" });
    const gate = createGate();
    const { thread_id } = await reading.client.threads.create();
    const runs = `${reading.url}/threads/${thread_id}/runs`;
    const input = { ...HI, gate: gate.name };
    const run = await reading.client.runs.create(thread_id, "slow", {
      input,
      streamMode: ["updates", "custom"],
    });
    const path = `${runs}/${run.run_id}/stream`;
    const isWorking = (frames: readonly Frame[]) => frames.some(({ event }) => event === "custom");
    const onDying = await openStream(path.replace(reading.url, dying.url), { "last-event-id": "-1" });
    if (how === "joined") await onDying.until(isWorking);
    const stream = await openStream(path, { "last-event-id": "-1" });
    const before = await stream.until(isWorking);
    expect(await onDying.until(isWorking)).toEqual(before);
    await dying.kill();

    gate.open();
    const next = await testServer({ graphs: GRAPHS, databaseUrl, environment });
    const all = await stream.ended();
    expect(all.slice(0, before.length)).toEqual(before);
    expect(all.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
    const ids = all.map(({ id }) => Number(id));
    const second = all.length - before.length;
    expect(ids).toEqual([
      ...before.map((_, index) => index + 1),
      ...Array.from({ length: second }, (_, index) => 2 ** 32 + 1 + index),
    ]);
    // Whoever was connected to the process that died goes on anywhere, and whoever comes late gets the same.
    for (const url of [reading.url, next.url]) {
      const here = path.replace(reading.url, url);
      const rest = await openStream(here, { "last-event-id": before.at(-1)?.id ?? "" });
      expect(await rest.ended()).toEqual(all.slice(before.length));
      expect(await (await openStream(here, { "last-event-id": "-1" })).ended()).toEqual(all);
    }
  },
);

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
