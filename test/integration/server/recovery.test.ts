import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { claimRuns } from "../../../src/server/persistence/leases.ts";
import { createGate, type Gate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";
import { namesOf, parseFrames, rawRequest } from "../../support/wire.ts";

const GRAPHS = {
  slow: "slow.ts:graph",
  deaf: "slow.ts:deaf",
  steps: "steps.ts:graph",
  twice: "questions.ts:twice",
};
const SHORT = { leaseMs: 1000 };
const ONLY_ANSWERS = { ...SHORT, jobsPerWorker: 0 };

type Client = Awaited<ReturnType<typeof testServer>>["client"];

interface Values {
  readonly items: string[];
  readonly messages: { content: string }[];
}

const say = (content: string) => ({ messages: [{ role: "user", content }] });

const saidIn = (values: unknown) => (values as Values).messages.map(({ content }) => content);

const newThread = async (client: Client) => (await client.threads.create()).thread_id;

async function startSlow(client: Client, graph = "slow") {
  const gate = createGate();
  const thread_id = await newThread(client);
  const { run_id } = await client.runs.create(thread_id, graph, {
    input: { ...say("once"), gate: gate.name },
  });
  await gate.arrived;
  return { gate, thread_id, run_id };
}

/** A database, to do to it what a server that dies would have done. */
async function openTestDatabase(databaseUrl: string) {
  const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
  return { db, [Symbol.asyncDispose]: db.close };
}

async function rowOf(databaseUrl: string, runId: string) {
  await using opened = await openTestDatabase(databaseUrl);
  const { rows } = await opened.db.query<{
    status: string;
    attempt: number;
    crashes: number;
    claimed_by: string | null;
  }>("select status, attempt, crashes, claimed_by from runs where run_id = $1", [runId]);
  return rows[0];
}

describe("a process that is killed", () => {
  /** Starts a run in another process and waits until its node works, which it does until the gate is opened. */
  async function startWorking(
    client: Client,
    threadId: string,
    graph: string,
    payload: object,
  ): Promise<string> {
    const run = Promise.withResolvers<string>();
    const working = (async () => {
      const events = client.runs.stream(threadId, graph, {
        ...payload,
        streamMode: "custom",
        onRunCreated: ({ run_id }) => run.resolve(run_id),
      });
      for await (const { event } of events) if (event === "custom") return;
    })();
    await working;
    return run.promise;
  }

  /** Everything that a run can begin with, on a thread of its own each; the promise is for the run. */
  const beginnings: Record<string, (client: Client, threadId: string, gate: Gate) => Promise<string>> = {
    "an input": (client, threadId, gate) =>
      startWorking(client, threadId, "slow", { input: { ...say("once"), gate: gate.name } }),

    async "an answer"(client, threadId, gate) {
      await client.runs.wait(threadId, "twice", { input: { ...say("once"), gate: gate.name } });
      return startWorking(client, threadId, "twice", { command: { resume: "Ada" } });
    },

    async "an input at an earlier checkpoint"(client, threadId, gate) {
      await client.runs.wait(threadId, "slow", { input: { ...say("before"), ms: 1 } });
      await client.runs.wait(threadId, "slow", { input: { ...say("replaced"), ms: 1 } });
      const history = await client.threads.getHistory<Values>(threadId, { limit: 100 });
      const fork = history.find(({ next, values }) => next.length === 0 && values.messages.length === 1);
      return startWorking(client, threadId, "slow", {
        input: { ...say("once"), gate: gate.name },
        checkpointId: fork?.checkpoint.checkpoint_id,
      });
    },

    async "an update and a place to go"(client, threadId, gate) {
      await client.runs.wait(threadId, "slow", { input: { ...say("before"), ms: 1 } });
      const command = { update: { ...say("once"), gate: gate.name }, goto: "work" };
      return startWorking(client, threadId, "slow", { command });
    },
  };

  test("leaves its runs to another, which goes on with each where it was and applies nothing twice", async () => {
    const databaseUrl = await testDatabaseUrl();
    const dying = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "1" });
    const gates = Object.keys(beginnings).map(createGate);
    const started = await Promise.all(
      Object.entries(beginnings).map(async ([what, begin], index) => {
        const thread_id = await newThread(dying.client);
        return { what, thread_id, run_id: await begin(dying.client, thread_id, gates[index] as Gate) };
      }),
    );
    // The checkpoint before the node that works is written while it does.
    await sleep(200);
    await dying.kill();

    for (const gate of gates) gate.open();
    const { client } = await testServer({ graphs: GRAPHS, databaseUrl, environment: SHORT });
    const ended = new Map<string, unknown>();
    for (const { what, thread_id, run_id } of started) {
      ended.set(what, await client.runs.join(thread_id, run_id));
      expect(await rowOf(databaseUrl, run_id)).toMatchObject({ attempt: 2, crashes: 1, claimed_by: null });
    }
    const steps = ["before", "work", "after"];
    expect(ended.get("an input")).toMatchObject({ items: steps });
    expect(saidIn(ended.get("an input"))).toEqual(["once"]);
    expect(ended.get("an answer")).toMatchObject({
      items: [],
      __interrupt__: [{ value: { question: "age?" } }],
    });
    expect(saidIn(ended.get("an answer"))).toEqual(["once"]);
    expect(ended.get("an input at an earlier checkpoint")).toMatchObject({ items: [...steps, ...steps] });
    expect(saidIn(ended.get("an input at an earlier checkpoint"))).toEqual(["before", "once"]);
    expect(ended.get("an update and a place to go")).toMatchObject({ items: [...steps, "work", "after"] });
    expect(saidIn(ended.get("an update and a place to go"))).toEqual(["before", "once"]);

    const asked = started.find(({ what }) => what === "an answer")?.thread_id ?? "";
    expect(await client.runs.wait(asked, "twice", { command: { resume: "36" } })).toMatchObject({
      items: ["Ada is 36", "confirmed"],
    });
  });

  test("leaves its stateless runs too, whose finished steps are not repeated although nothing is kept of them", async () => {
    const databaseUrl = await testDatabaseUrl();
    const dying = await serverProcess(databaseUrl, { LEASE_DURATION_SECONDS: "1" });
    const gate = createGate();
    const input = { ...say("once"), gate: gate.name };
    const { thread_id, run_id } = await dying.client.runs.create(null, "slow", {
      input,
      streamMode: "updates",
      streamResumable: true,
    });
    await using opened = await openTestDatabase(databaseUrl);
    const latestStep = async () => {
      const { rows } = await opened.db.query<{ step: string | null }>(
        "select max((metadata ->> 'step')::int) as step from checkpoints where thread_id = $1",
        [thread_id],
      );
      return rows[0]?.step;
    };
    await expect.poll(latestStep).toBe(1);
    // What it has streamed is kept too, a moment later.
    await expect
      .poll(async () => {
        const told = "select 1 from run_events where run_id = $1 and event = 'updates'";
        return (await opened.db.query(told, [run_id])).rowCount;
      })
      .toBe(1);
    await dying.kill();

    const { client } = await testServer({ graphs: GRAPHS, databaseUrl, environment: SHORT });
    await expect.poll(async () => (await rowOf(databaseUrl, run_id))?.attempt, { timeout: 10_000 }).toBe(2);
    const stream = client.runs.joinStream(thread_id, run_id, { streamMode: "updates" });
    // There is a first one: before the run is over, and with that gone, it has been found.
    const { value: first } = await stream.next();
    gate.open();
    const data = [first, ...(await Array.fromAsync(stream))]
      .filter(({ event }) => event === "updates")
      .map((event) => event.data);
    expect(data).toEqual([
      { before: { items: ["before"] } },
      { work: { items: ["work"] } },
      { after: { items: ["after"] } },
    ]);
    await expect.poll(() => rowOf(databaseUrl, run_id)).toBeUndefined();
    expect(await latestStep()).toBeNull();
  });
});

describe("a run whose worker was lost", () => {
  test("before it did anything gets its input from the next one", async () => {
    const { client, databaseUrl } = await testServer({ graphs: GRAPHS, environment: ONLY_ANSWERS });
    const threadId = await newThread(client);
    const { run_id } = await client.runs.create(threadId, "steps", { input: say("once") });
    await using opened = await openTestDatabase(databaseUrl);
    await claimRuns(opened.db, { workerId: "dead", leaseMs: 1, limit: 1 });

    const next = await testServer({ graphs: GRAPHS, databaseUrl, environment: SHORT });
    const values = await next.client.runs.join(threadId, run_id);
    expect(values).toMatchObject({ items: ["a", "b", "c"] });
    expect(saidIn(values)).toEqual(["once"]);
    const frames = await Array.fromAsync(
      next.client.runs.joinStream(threadId, run_id, { lastEventId: "-1" }),
    );
    expect(frames[0]).toMatchObject({ event: "metadata", data: { run_id, attempt: 2 } });
  });

  test("too often ends as an error, and its thread is free again", async () => {
    const { client, databaseUrl } = await testServer({
      graphs: GRAPHS,
      environment: { ...ONLY_ANSWERS, maxRetries: 1 },
    });
    const threadId = await newThread(client);
    const { run_id } = await client.runs.create(threadId, "steps", { input: say("hi") });
    const waiting = client.runs.join(threadId, run_id);
    await using opened = await openTestDatabase(databaseUrl);
    for (let crash = 0; crash < 2; crash++) {
      await expect
        .poll(() => claimRuns(opened.db, { workerId: `dead ${crash}`, leaseMs: 1, limit: 1 }), {
          timeout: 5000,
        })
        .toMatchObject([{ run_id }]);
    }
    const error = { error: "WorkerLost", message: expect.stringContaining("2 times") };
    expect(await waiting).toEqual({ __error__: error });
    expect(await client.runs.get(threadId, run_id)).toMatchObject({ status: "error" });
    expect(await client.threads.get(threadId)).toMatchObject({ status: "error", error });

    const next = await testServer({ graphs: GRAPHS, databaseUrl });
    expect(await next.client.runs.wait(threadId, "steps", { input: say("again") })).toMatchObject({
      items: ["a", "b", "c"],
    });
  });

  test.each(["interrupt", "rollback"] as const)(
    "and that was to be cancelled (%s) is, instead of going on",
    async (action) => {
      const { client, databaseUrl } = await testServer({ graphs: GRAPHS, environment: ONLY_ANSWERS });
      const threadId = await newThread(client);
      const { run_id } = await client.runs.create(threadId, "steps", { input: say("hi") });
      await using opened = await openTestDatabase(databaseUrl);
      await claimRuns(opened.db, { workerId: "dead", leaseMs: 300, limit: 1 });
      await client.runs.cancel(threadId, run_id, true, action);
      const row = await rowOf(databaseUrl, run_id);
      expect(row?.status).toBe(action === "rollback" ? undefined : "interrupted");
      expect(await client.threads.get(threadId)).toMatchObject({ status: "idle" });
    },
  );

  test("and that is on a thread of its own takes the thread with it when it is given up", async () => {
    const { client, databaseUrl } = await testServer({
      graphs: GRAPHS,
      environment: { ...ONLY_ANSWERS, maxRetries: 0 },
    });
    const { thread_id } = await client.runs.create(null, "steps", { input: say("hi") });
    await using opened = await openTestDatabase(databaseUrl);
    await claimRuns(opened.db, { workerId: "dead", leaseMs: 1, limit: 1 });
    await expect
      .poll(
        () =>
          client.threads.get(thread_id).then(
            () => "there",
            () => "gone",
          ),
        { timeout: 5000 },
      )
      .toBe("gone");
  });
});

test("a worker that finds its run taken over stops, and writes nothing", async () => {
  const { client, databaseUrl } = await testServer({ graphs: GRAPHS, environment: SHORT });
  const { gate, thread_id, run_id } = await startSlow(client);
  const before = { values: { items: ["before"] } };
  await expect.poll(() => client.threads.getState(thread_id)).toMatchObject(before);
  await using opened = await openTestDatabase(databaseUrl);
  await opened.db.query(
    `update runs set claimed_by = 'other', attempt = 2, lease_expires_at = now() + interval '1 hour' where run_id = $1`,
    [run_id],
  );
  // Long enough for the lease to be renewed, which is when the worker notices.
  await sleep(700);
  gate.open();
  await sleep(200);
  expect(await rowOf(databaseUrl, run_id)).toEqual({
    status: "running",
    attempt: 2,
    crashes: 0,
    claimed_by: "other",
  });
  expect(await client.threads.get(thread_id)).toMatchObject({ status: "busy", values: null });
  expect(await client.threads.getState(thread_id)).toMatchObject(before);
});

test("a worker whose run was deleted under it writes nothing", async () => {
  const { client } = await testServer({ graphs: GRAPHS, environment: SHORT });
  const { gate, thread_id } = await startSlow(client, "deaf");
  await client.threads.delete(thread_id);
  gate.open();
  await sleep(200);
  await expect(client.threads.get(thread_id)).rejects.toMatchObject({ status: 404 });
});

describe("a server that is stopped in order", () => {
  test.each(["slow", "deaf"])(
    "hands back its run of a node that is %s, which another goes on with",
    async (graph) => {
      const first = await testServer({ graphs: GRAPHS });
      const { gate, thread_id, run_id } = await startSlow(first.client, graph);
      await first.close();
      expect(await rowOf(first.databaseUrl, run_id)).toEqual({
        status: "pending",
        attempt: 1,
        crashes: 0,
        claimed_by: null,
      });

      gate.open();
      const { client } = await testServer({ graphs: GRAPHS, databaseUrl: first.databaseUrl });
      const values = await client.runs.join(thread_id, run_id);
      expect(values).toMatchObject({ items: ["before", "work", "after"] });
      expect(saidIn(values)).toEqual(["once"]);
      expect(await rowOf(first.databaseUrl, run_id)).toMatchObject({ attempt: 2, crashes: 0 });
    },
  );

  test("lets a run finish that does so within the grace", async () => {
    const first = await testServer({ graphs: GRAPHS, drainMs: 10_000 });
    const { gate, run_id } = await startSlow(first.client);
    const closing = first.close();
    gate.open();
    await closing;
    expect(await rowOf(first.databaseUrl, run_id)).toMatchObject({ status: "success", attempt: 1 });
  });

  test("says that it is not ready, and goes on answering, while its runs come to their end", async () => {
    const first = await testServer({ graphs: GRAPHS, drainMs: 10_000 });
    const { gate, thread_id, run_id } = await startSlow(first.client);
    expect((await fetch(`${first.url}/ready`)).status).toBe(200);
    const closing = first.close();

    const ready = await fetch(`${first.url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({ status: "not_ready", database: true });
    expect(await first.client.runs.get(thread_id, run_id)).toMatchObject({ status: "running" });
    const waiting = await first.client.runs.create(thread_id, "steps", { input: say("next") });
    gate.open();
    await closing;

    expect(await rowOf(first.databaseUrl, run_id)).toMatchObject({ status: "success" });
    expect(await rowOf(first.databaseUrl, waiting.run_id)).toMatchObject({ status: "pending", attempt: 0 });
    await expect(fetch(`${first.url}/ready`)).rejects.toThrow();
  });

  test("lets a run finish its step when the grace is over, and the next server does not repeat it", async () => {
    const first = await testServer({ graphs: GRAPHS, drainMs: 1 });
    const { gate, thread_id, run_id } = await startSlow(first.client);
    const closing = first.close();
    await sleep(100);
    gate.open();
    await closing;
    expect(await rowOf(first.databaseUrl, run_id)).toMatchObject({
      status: "pending",
      attempt: 1,
      crashes: 0,
    });

    const reading = await testServer({
      graphs: GRAPHS,
      databaseUrl: first.databaseUrl,
      environment: ONLY_ANSWERS,
    });
    expect(await reading.client.threads.getState(thread_id)).toMatchObject({
      values: { items: ["before", "work"] },
      next: ["after"],
    });
    const second = await testServer({ graphs: GRAPHS, databaseUrl: first.databaseUrl });
    expect(await second.client.runs.join(thread_id, run_id)).toMatchObject({
      items: ["before", "work", "after"],
    });
  });

  test("does not claim the runs that wait", async () => {
    const first = await testServer({ graphs: GRAPHS, environment: { jobsPerWorker: 1 } });
    const { thread_id } = await startSlow(first.client);
    const { run_id } = await first.client.runs.create(thread_id, "steps", { input: say("next") });
    await first.close();
    expect(await rowOf(first.databaseUrl, run_id)).toMatchObject({ status: "pending", attempt: 0 });
  });

  test("ends the streams of its runs, which go on elsewhere for a client that comes back", async () => {
    const first = await testServer({ graphs: GRAPHS });
    const { gate, thread_id, run_id } = await startSlow(first.client);
    const { chunks, status } = rawRequest(`${first.url}/threads/${thread_id}/runs/${run_id}/stream`);
    await status;
    await first.close();
    const cut = (await Array.fromAsync({ [Symbol.asyncIterator]: () => chunks })).join("");
    expect(namesOf(parseFrames(cut))).not.toContain("end");

    gate.open();
    const { client } = await testServer({ graphs: GRAPHS, databaseUrl: first.databaseUrl });
    const events = await Array.fromAsync(client.runs.joinStream(thread_id, run_id, { lastEventId: "1" }));
    // What it had not got of the first attempt, and then the second.
    expect(events.at(0)).toMatchObject({ id: "2", event: "values" });
    const second = events.findIndex(({ event }) => event === "metadata");
    expect(events[second]).toMatchObject({ id: String(2 ** 32 + 1), data: { attempt: 2 } });
    expect(events.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  });
});

test("a run that another worker was asked to stop before it handed it back is not begun again", async () => {
  const first = await testServer({ graphs: GRAPHS, environment: { jobsPerWorker: 0 } });
  const threadId = await newThread(first.client);
  const { run_id } = await first.client.runs.create(threadId, "steps", { input: say("hi") });
  await using opened = await openTestDatabase(first.databaseUrl);
  await opened.db.query("update runs set cancel_requested = 'interrupt' where run_id = $1", [run_id]);
  const { client } = await testServer({ graphs: GRAPHS, databaseUrl: first.databaseUrl });
  await client.runs.join(threadId, run_id);
  expect(await client.runs.get(threadId, run_id)).toMatchObject({ status: "interrupted" });
  expect(await client.threads.getHistory(threadId)).toEqual([]);
});

test("a run with a delay begins when its time has come", async () => {
  const { client } = await testServer({ graphs: GRAPHS });
  const threadId = await newThread(client);
  const { run_id, created_at } = await client.runs.create(threadId, "steps", {
    input: say("later"),
    afterSeconds: 0.5,
  });
  const values = await client.runs.wait(threadId, "steps", { input: say("now") });
  expect(saidIn(values)).toEqual(["now"]);
  expect(await client.runs.get(threadId, run_id)).toMatchObject({ status: "pending" });
  expect(await client.threads.get(threadId)).toMatchObject({ status: "busy" });
  expect(saidIn(await client.runs.join(threadId, run_id))).toEqual(["now", "later"]);
  const { updated_at } = await client.runs.get(threadId, run_id);
  expect(Date.parse(updated_at) - Date.parse(created_at)).toBeGreaterThanOrEqual(500);
});
