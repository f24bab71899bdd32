import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryBus } from "../../../src/server/bus/memory-bus.ts";
import { settleWatchedThreads } from "../../../src/server/services/threads/settle-watched-threads.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { settle } from "../../support/bus-contract.ts";
import { type OpenStream, openStream } from "../../support/open-stream.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { readThread } from "../../support/thread-bus-contract.ts";
import { dataOf, type Frame, namesOf, parseFrames, rawRequest } from "../../support/wire.ts";

const server = sharedServer({
  graphs: { steps: "steps.ts:graph", slow: "slow.ts:graph", failing: "failing.ts:graph" },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

async function givenThread(): Promise<string> {
  const { thread_id } = await server.client.threads.create({ graphId: "steps" });
  return thread_id;
}

const open = (threadId: string, query = "", headers = {}): Promise<OpenStream> =>
  openStream(`${server.url}/threads/${threadId}/stream${query}`, headers);

/** Executes a run and @returns its id when it has ended. */
async function execute(threadId: string, graph = "steps", streamMode = "updates"): Promise<string> {
  const { client } = server;
  const options = { input: HI, streamMode: streamMode as "updates" };
  const { run_id } = await client.runs.create(threadId, graph, options);
  await client.runs.join(threadId, run_id);
  return run_id;
}

const isDone = ({ event, data }: Frame): boolean =>
  event === "metadata" && (data as { status?: string }).status === "run_done";

const runsDone = (count: number) => (frames: readonly Frame[]) => frames.filter(isDone).length >= count;

/** The stream of a run as its own clients see it. */
async function framesOfRun(threadId: string, runId: string): Promise<Frame[]> {
  return parseFrames(await (await fetch(`${server.url}/threads/${threadId}/runs/${runId}/stream`)).text());
}

const withoutIds = (frames: readonly Frame[]) => frames.map(({ event, data }) => ({ event, data }));

describe("the stream of a thread", () => {
  test("has the events of every run, one run after the other, whoever creates them, and stays open", async () => {
    const threadId = await givenThread();
    const stream = await open(threadId);
    const first = await execute(threadId);
    const second = await execute(threadId, "failing", "values");
    const third = await execute(threadId, "steps", "tasks");

    const frames = await stream.until(runsDone(3));
    const expected = [];
    for (const run_id of [first, second, third]) {
      expected.push(...withoutIds(await framesOfRun(threadId, run_id)));
      expected.push({ event: "metadata", data: { status: "run_done", run_id } });
    }
    expect(withoutIds(frames)).toEqual(expected);
    expect(namesOf(frames)).toContain("error");
    expect(new Set(frames.map(({ id }) => id)).size).toBe(frames.length);
  });

  test("names the headers and the path that clients need to go on", async () => {
    const threadId = await givenThread();
    const { response } = await open(threadId, "?stream_mode=lifecycle");
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(response.headers.get("location")).toBe(`/threads/${threadId}/stream?stream_mode=lifecycle`);
  });

  test("begins with what comes after it was joined, also within a run", async () => {
    const threadId = await givenThread();
    await execute(threadId);
    const gate = createGate();
    const { run_id } = await server.client.runs.create(threadId, "slow", {
      input: { ...HI, gate: gate.name },
      streamMode: ["updates", "custom"],
    });
    await gate.arrived;
    // What was said before the gate has reached everyone who watches.
    const watching = await openStream(`${server.url}/threads/${threadId}/runs/${run_id}/stream`);
    await watching.until((frames) => namesOf(frames).includes("custom"));

    const stream = await open(threadId);
    gate.open();
    const frames = await stream.until(runsDone(1));
    expect(frames.map(({ event, data }) => (event === "updates" ? data : event))).toEqual([
      { work: { items: ["work"] } },
      { after: { items: ["after"] } },
      "end",
      "metadata",
    ]);
  });

  test("is the same for everyone who reads it", async () => {
    const threadId = await givenThread();
    const streams = await Promise.all([open(threadId), open(threadId), open(threadId)]);
    await execute(threadId);
    const [first, ...others] = await Promise.all(streams.map((stream) => stream.until(runsDone(1))));
    expect(first?.length).toBe(6);
    for (const frames of others) expect(frames).toEqual(first);
  });

  test("comes with a sign of life while nothing happens", async () => {
    const { url, client } = await testServer({ environment: { heartbeatMs: 20 } });
    const { thread_id } = await client.threads.create();
    const { chunks, drop } = rawRequest(`${url}/threads/${thread_id}/stream`);
    expect(await chunks.next()).toMatchObject({ value: ": heartbeat\n\n" });
    drop();
  });
});

describe("modes", () => {
  test("lifecycle: when runs begin and end", async () => {
    const threadId = await givenThread();
    const stream = await open(threadId, "?stream_modes=lifecycle");
    const runIds = [await execute(threadId), await execute(threadId, "failing")];
    const frames = await stream.until(runsDone(2));
    expect(withoutIds(frames)).toEqual(
      runIds.flatMap((run_id) => [
        { event: "metadata", data: { run_id, attempt: 1 } },
        { event: "metadata", data: { status: "run_done", run_id } },
      ]),
    );
  });

  test("state_update: the state that a run leaves, and what a client makes of it", async () => {
    const { client } = server;
    const threadId = await givenThread();
    const stream = await open(threadId, "?stream_modes=state_update");
    await execute(threadId);
    const ofRun = await client.threads.getState(threadId);
    await client.threads.updateState(threadId, { values: { items: ["d"] }, asNode: "c" });
    const updated = await client.threads.getState(threadId);
    await client.threads.patchState(threadId, { reviewed: true });
    const patched = await client.threads.getState(threadId);

    const frames = await stream.until(({ length }) => length >= 3);
    expect(withoutIds(frames)).toEqual(
      [ofRun, updated, patched].map((state) => ({
        event: "state_update",
        data: { state, thread_id: threadId },
      })),
    );
    expect(patched.metadata).toMatchObject({ reviewed: true });
  });

  test.each([
    "?stream_modes=run_modes&stream_modes=state_update",
    "?stream_mode=run_modes&stream_mode=state_update",
    `?stream_mode=${encodeURIComponent('["run_modes","state_update"]')}`,
    `?stream_modes=${encodeURIComponent('["run_modes","state_update","lifecycle"]')}`,
    "?stream_modes=run_modes&stream_mode=state_update",
  ])("%s is both, and nothing comes twice", async (query) => {
    const threadId = await givenThread();
    const stream = await open(threadId, query);
    await execute(threadId);
    const frames = await stream.until((all) => namesOf(all).includes("state_update"));
    expect(namesOf(frames)).toEqual([
      "metadata",
      "updates",
      "updates",
      "updates",
      "end",
      "metadata",
      "state_update",
    ]);
  });

  test("an unknown one is refused by name", async () => {
    const response = await fetch(`${server.url}/threads/${await givenThread()}/stream?stream_modes=values`);
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("stream_modes");
  });
});

describe("the stream of a thread ends", () => {
  test("with the thread, also for the official client", async () => {
    const { client } = server;
    const threadId = await givenThread();
    const stream = await open(threadId, "?stream_modes=run_modes");
    const reading = Array.fromAsync(
      client.threads.joinStream(threadId, { streamMode: ["lifecycle"], lastEventId: "-" }),
    );
    const run_id = await execute(threadId);
    await stream.until(runsDone(1));
    await client.threads.delete(threadId);
    await stream.ended();
    const data = (await reading).map((part) => part.data as object);
    expect(data).toEqual([
      { run_id, attempt: 1 },
      { status: "run_done", run_id },
    ]);
    expect((await fetch(`${server.url}/threads/${threadId}/stream`)).status).toBe(404);
  });

  test("with the thread, when that goes while a run of it is executed", async () => {
    const threadId = await givenThread();
    const stream = await open(threadId);
    const gate = createGate();
    await server.client.runs.create(threadId, "slow", { input: { ...HI, gate: gate.name } });
    await gate.arrived;
    await server.client.threads.delete(threadId);
    expect(dataOf(await stream.ended(), "end")).toMatchObject([{ status: "interrupted" }]);
  });

  test("with the thread, when another server has deleted it", async () => {
    const bus = createMemoryBus({
      retentionMs: 1000,
      maxRunBytes: 1,
      maxRunningBytes: 1,
      maxRetainedBytes: 1,
    });
    onTestFinished(() => bus[Symbol.dispose]());
    const [deleted, kept] = [await givenThread(), await givenThread()];
    const leaving = new AbortController();
    const reading = readThread(bus, deleted);
    const other = readThread(bus, kept, { signal: leaving.signal });
    await settle();
    await server.client.threads.delete(deleted);
    await settleWatchedThreads({ db: server.db, bus });
    expect(await reading).toEqual([]);
    expect(bus.watchedThreads()).toEqual([kept]);
    leaving.abort();
    await other;
  });

  test("with the server, which does not wait for it", async () => {
    const { url, client, close } = await testServer();
    const { thread_id } = await client.threads.create();
    const stream = await openStream(`${url}/threads/${thread_id}/stream`);
    await close();
    expect(await stream.ended()).toEqual([]);
  });
});

test("a thread that is not there has no stream", async () => {
  const response = await fetch(`${server.url}/threads/${crypto.randomUUID()}/stream`);
  expect(response.status).toBe(404);
  expect(await response.json()).toMatchObject({ error: "not_found" });
});
