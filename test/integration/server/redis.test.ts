import pg from "pg";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { createTestDatabase, testDatabaseUrl } from "../../support/database.ts";
import { openStream } from "../../support/open-stream.ts";
import { startTestRedis, type TestRedis } from "../../support/redis-server.ts";
import { type LogLine, startTestServer, testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";
import { type Frame, parseFrames } from "../../support/wire.ts";

const GRAPHS = { slow: "slow.ts:graph", steps: "steps.ts:graph", tokens: "tokens.ts:graph" };
const HI = { messages: [{ role: "user", content: "hi" }] };

let database: Awaited<ReturnType<typeof createTestDatabase>>;
let redis: TestRedis;
/** One that only answers, and one that also executes. */
let front: Awaited<ReturnType<typeof startTestServer>>;
let back: Awaited<ReturnType<typeof startTestServer>>;

beforeAll(async () => {
  database = await createTestDatabase();
  redis = await startTestRedis();
  const environment = { redisUrl: redis.url };
  front = await startTestServer(database.url, {
    graphs: GRAPHS,
    environment: { ...environment, jobsPerWorker: 0 },
  });
  back = await startTestServer(database.url, { graphs: GRAPHS, environment });
});

afterAll(async () => {
  await front.close();
  await back.close();
  await redis[Symbol.asyncDispose]();
  await database.drop();
});

const newThread = async () => (await front.client.threads.create()).thread_id;
const framesOf = async (response: Response) => parseFrames(await response.text());
const streamOf = (url: string, threadId: string, runId: string, lastEventId = "-1") =>
  fetch(`${url}/threads/${threadId}/runs/${runId}/stream`, { headers: { "last-event-id": lastEventId } });
const idsOf = (frames: readonly Frame[]) => frames.map(({ id }) => Number(id));

async function countEvents(): Promise<number> {
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const { rows } = await client.query("select count(*)::int as count from run_events");
  await client.end();
  return rows[0].count;
}

test("a stream on one has every event of a run on the other, and none of them is in the database", async () => {
  const streams = await Promise.all(
    Array.from({ length: 4 }, async () => {
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
    expect(frames.length).toBeGreaterThan(100);
    expect(idsOf(frames)).toEqual(frames.map((_, index) => index + 1));
    expect(frames.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
    for (const { url } of [front, back]) {
      expect(await framesOf(await streamOf(url, thread_id, run_id))).toEqual(frames);
      expect(await framesOf(await streamOf(url, thread_id, run_id, frames[49]?.id ?? ""))).toEqual(
        frames.slice(50),
      );
    }
  }
  expect(await countEvents()).toBe(0);
});

test("a stateless run that the other executes is waited for and streamed to its result", async () => {
  expect(await front.client.runs.wait(null, "steps", { input: HI })).toMatchObject({
    items: ["a", "b", "c"],
  });
  const events = await Array.fromAsync(front.client.runs.stream(null, "steps", { input: HI }));
  expect(events.filter(({ event }) => event === "values").at(-1)?.data).toMatchObject({
    items: ["a", "b", "c"],
  });
});

test("a stream of a thread on one tells of the runs on the other, and goes on there", async () => {
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

test("what is written is announced in Redis", async () => {
  await expect.poll(() => redis.command("pubsub", "numsub", "aegra:written")).toEqual(["aegra:written", 2]);
});

test("a stream goes on elsewhere when the process that executes the run is killed", async () => {
  const databaseUrl = await testDatabaseUrl();
  const environment = { redisUrl: redis.url, redisKeyPrefix: "killed:", leaseMs: 1000 };
  const reading = await testServer({
    graphs: GRAPHS,
    databaseUrl,
    environment: { ...environment, jobsPerWorker: 0 },
  });
  const dying = await serverProcess(databaseUrl, {
    LEASE_DURATION_SECONDS: "1",
    REDIS_URL: redis.url,
    REDIS_KEY_PREFIX: "killed:",
  });
  const gate = createGate();
  const { thread_id } = await reading.client.threads.create();
  const run = await reading.client.runs.create(thread_id, "slow", {
    input: { ...HI, gate: gate.name },
    streamMode: ["updates", "custom"],
  });
  const url = `${reading.url}/threads/${thread_id}/runs/${run.run_id}/stream`;
  const stream = await openStream(url, { "last-event-id": "-1" });
  const before = await stream.until((frames) => frames.some(({ event }) => event === "custom"));
  await dying.kill();
  gate.open();
  await testServer({ graphs: GRAPHS, databaseUrl, environment });
  const all = await stream.ended();
  expect(all.slice(0, before.length)).toEqual(before);
  expect(all.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  const second = all.length - before.length;
  expect(idsOf(all)).toEqual([
    ...before.map((_, index) => index + 1),
    ...Array.from({ length: second }, (_, index) => 2 ** 32 + 1 + index),
  ]);
  expect(await (await openStream(url, { "last-event-id": "-1" })).ended()).toEqual(all);
});

test("without Redis runs go on, requests are answered, and it is told once; with it streams pass again", async () => {
  const databaseUrl = await testDatabaseUrl();
  const own = await startTestRedis();
  onTestFinished(() => own[Symbol.asyncDispose]());
  const logLines: LogLine[] = [];
  const options = { graphs: GRAPHS, databaseUrl, logLines };
  const reading = await testServer({ ...options, environment: { redisUrl: own.url, jobsPerWorker: 0 } });
  await testServer({ graphs: GRAPHS, databaseUrl, environment: { redisUrl: own.url } });

  const gate = createGate();
  const { thread_id } = await reading.client.threads.create();
  const { run_id } = await reading.client.runs.create(thread_id, "slow", {
    input: { ...HI, gate: gate.name },
  });
  await gate.arrived;
  const joined = reading.client.runs.join(thread_id, run_id);
  await own.kill();
  gate.open();
  // Its rows tell.
  expect(await joined).toMatchObject({ items: ["before", "work", "after"] });
  expect((await fetch(`${reading.url}/ready`)).status).toBe(200);
  // An id of a run is looked for among those that have ended.
  const second = crypto.randomUUID();
  const made = await fetch(`${reading.url}/threads/${thread_id}/runs/wait`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ assistant_id: "steps", input: HI, config: { run_id: second } }),
  });
  expect(await made.json()).toMatchObject({ items: ["before", "work", "after", "a", "b", "c"] });

  await own.start();
  const told = () =>
    logLines.filter(({ msg }) => /Redis|events of runs/.test(msg)).map(({ level, msg }) => `${level} ${msg}`);
  await expect.poll(told, { timeout: 10_000 }).toContain("30 Redis is back");
  expect(told()).toEqual([
    "40 Redis cannot be reached: events of runs wait, to be told elsewhere",
    "30 Redis is back",
  ]);
  const countUpdates = async () => {
    const run = reading.client.runs.stream(thread_id, "steps", { input: HI, streamMode: "updates" });
    return (await Array.fromAsync(run)).filter(({ event }) => event === "updates").length;
  };
  // The other server may be a moment later.
  await expect.poll(countUpdates, { timeout: 10_000 }).toBe(3);
});

test("a server starts without Redis", async () => {
  const own = await startTestRedis();
  await own.kill();
  onTestFinished(() => own[Symbol.asyncDispose]());
  const server = await testServer({ graphs: GRAPHS, environment: { redisUrl: own.url } });
  const { thread_id } = await server.client.threads.create();
  expect(await server.client.runs.wait(thread_id, "steps", { input: HI })).toMatchObject({
    items: ["a", "b", "c"],
  });
});
