import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { pruneRunEvents, readRunEnd } from "../../../src/server/persistence/run-events.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { parseFrames, post, rawRequest } from "../../support/wire.ts";

const GRAPHS = {
  agent: "chat.ts:graph",
  slow: "slow.ts:graph",
  failing: "failing.ts:graph",
  questions: "questions.ts:twice",
  steps: "steps.ts:graph",
};
const server = sharedServer({ graphs: GRAPHS });

/** Does what is done twice a minute; in memory they are forgotten with the next turn of the timers. */
async function forgetEvents(databaseUrl: string, runId: string): Promise<void> {
  const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
  await expect.poll(() => readRunEnd(db, runId), { timeout: 10_000 }).not.toBeNull();
  await pruneRunEvents(db, 0);
  await db.close();
}

const HI = { messages: [{ role: "user", content: "hi" }] };

/** A run that is at its gate. */
async function startSlow({ client } = server) {
  const gate = createGate();
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  return { gate, thread_id, run_id };
}

const statusOf = async (threadId: string, runId: string) =>
  (await server.client.runs.get(threadId, runId)).status;

describe("wait", () => {
  test("answers with the values at the end", async () => {
    const { thread_id } = await server.client.threads.create();
    const response = await post(`${server.url}/threads/${thread_id}/runs/wait`, {
      assistant_id: "steps",
      input: HI,
    });
    expect(response.headers.get("content-type")).toBe("application/json");
    const [, runId = ""] = response.headers.get("content-location")?.split("/runs/") ?? [];
    expect(await response.json()).toMatchObject({ items: ["a", "b", "c"] });
    expect(await statusOf(thread_id, runId)).toBe("success");
  });

  test("answers with the values and the question when the graph asks one", async () => {
    const { thread_id } = await server.client.threads.create();
    const values = await server.client.runs.wait(thread_id, "questions", { input: HI });
    expect(values).toEqual({
      messages: [expect.objectContaining({ content: "hi" })],
      items: [],
      __interrupt__: [{ id: expect.stringMatching(/^[0-9a-f]{32}$/), value: { question: "name?" } }],
    });
  });

  test("answers with the error of a graph that fails, which the client throws", async () => {
    const { client, url } = server;
    const { thread_id } = await client.threads.create();
    const response = await post(`${url}/threads/${thread_id}/runs/wait`, {
      assistant_id: "failing",
      input: HI,
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({ __error__: { error: "KaboomError", message: "kaboom" } });
    await expect(client.runs.wait(thread_id, "failing", { input: HI })).rejects.toThrow(
      "KaboomError: kaboom",
    );
    expect(await client.threads.get(thread_id)).toMatchObject({
      status: "error",
      error: { error: "KaboomError", message: "kaboom" },
      values: { items: ["before", "before"] },
    });
  });

  test("answers with what there is when the run is cancelled", async () => {
    const gate = createGate();
    const { thread_id } = await server.client.threads.create();
    const waiting = server.client.runs.wait(thread_id, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    const [run] = await server.client.runs.list(thread_id);
    await server.client.runs.cancel(thread_id, run?.run_id ?? "");
    expect(await waiting).toMatchObject({ items: ["before"] });
  });

  test("sends line breaks while it takes long, which the answer stays readable with", async () => {
    const { url } = await testServer({ graphs: GRAPHS, environment: { heartbeatMs: 20 } });
    const gate = createGate();
    const body = { assistant_id: "slow", input: { gate: gate.name } };
    const { chunks } = rawRequest(`${url}/runs/wait`, { method: "POST", body });
    let text = "";
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) {
      text += chunk;
      if (text.startsWith("\n\n")) gate.open();
    }
    expect(text).toMatch(/^\n\n+\{/);
    expect(JSON.parse(text)).toMatchObject({ items: ["before", "work", "after"] });
  });
});

describe("join", () => {
  test("answers with the values, whether it comes before the run has begun, during it, or after it", async () => {
    const { client } = server;
    const { gate, thread_id, run_id } = await startSlow();
    const queued = await client.runs.create(thread_id, "steps", { input: HI });
    const [during, before] = [
      client.runs.join(thread_id, run_id),
      client.runs.join(thread_id, queued.run_id),
    ];
    gate.open();
    expect(await during).toMatchObject({ items: ["before", "work", "after"] });
    const items = ["before", "work", "after", "a", "b", "c"];
    expect(await before).toMatchObject({ items });
    expect(await client.runs.join(thread_id, queued.run_id)).toMatchObject({ items });
  });

  test("answers like wait for a run that asked or failed", async () => {
    const { client } = server;
    for (const [graph, body] of [
      ["questions", { __interrupt__: [{ value: { question: "name?" } }] }],
      ["failing", { __error__: { error: "KaboomError", message: "kaboom" } }],
    ] as const) {
      const { thread_id } = await client.threads.create();
      const { run_id } = await client.runs.create(thread_id, graph, { input: HI });
      expect(await client.runs.join(thread_id, run_id)).toMatchObject(body);
    }
  });

  test("answers from the rows when the run's events are forgotten, and so does the stream", async () => {
    const { client, url, databaseUrl } = await testServer({
      graphs: GRAPHS,
      environment: { resumableTtlMs: 0 },
    });
    for (const [graph, body, end] of [
      ["steps", { items: ["a", "b", "c"] }, { event: "end", data: { status: "success" } }],
      [
        "questions",
        { __interrupt__: [{ value: { question: "name?" } }] },
        { data: { status: "interrupted" } },
      ],
      [
        "failing",
        { __error__: { error: "KaboomError" } },
        { event: "error", data: { error: "KaboomError" } },
      ],
    ] as const) {
      const { thread_id } = await client.threads.create();
      const { run_id } = await client.runs.create(thread_id, graph, { input: HI, streamResumable: true });
      await client.runs.join(thread_id, run_id);
      await forgetEvents(databaseUrl, run_id);
      expect(await client.runs.join(thread_id, run_id)).toMatchObject(body);
      const response = await fetch(`${url}/threads/${thread_id}/runs/${run_id}/stream`, {
        headers: { "last-event-id": "3" },
      });
      expect(parseFrames(await response.text())).toMatchObject([{ ...end, id: "4" }]);
    }
  });

  test("does not find a run that is not there, or is on another thread", async () => {
    const { client, url } = server;
    const [one, other] = [await client.threads.create(), await client.threads.create()];
    const { run_id } = await client.runs.create(one.thread_id, "steps", { input: HI });
    for (const path of [
      `${one.thread_id}/runs/${crypto.randomUUID()}`,
      `${other.thread_id}/runs/${run_id}`,
      `${crypto.randomUUID()}/runs/${run_id}`,
    ]) {
      const response = await fetch(`${url}/threads/${path}/join`);
      expect(response.status).toBe(404);
      expect(await response.json()).toMatchObject({ error: "not_found" });
    }
  });
});

describe("a client that goes away", () => {
  type Leave = (cancel: boolean) => Promise<{ thread_id: string; run_id: string; open: () => void }>;

  /** Creates a run, and drops the connection once the run is at its gate and the answer has begun. */
  const creating =
    (kind: "stream" | "wait"): Leave =>
    async (cancel) => {
      const gate = createGate();
      const { thread_id } = await server.client.threads.create();
      const request = rawRequest(`${server.url}/threads/${thread_id}/runs/${kind}`, {
        method: "POST",
        body: {
          assistant_id: "slow",
          input: { gate: gate.name },
          on_disconnect: cancel ? "cancel" : "continue",
        },
      });
      await Promise.all([gate.arrived, request.status]);
      request.drop();
      const [run] = await server.client.runs.list(thread_id);
      return { thread_id, run_id: run?.run_id ?? "", open: gate.open };
    };

  /** Joins a run that is at its gate, and drops the connection. */
  const joining =
    (kind: "stream" | "join"): Leave =>
    async (cancel) => {
      const { gate, thread_id, run_id } = await startSlow();
      const path = `${server.url}/threads/${thread_id}/runs/${run_id}/${kind}`;
      const request = rawRequest(`${path}?cancel_on_disconnect=${cancel ? 1 : 0}`);
      await request.status;
      request.drop();
      return { thread_id, run_id, open: gate.open };
    };

  test.each<[string, Leave]>([
    ["a stream", creating("stream")],
    ["a wait", creating("wait")],
    ["a joined stream", joining("stream")],
    ["a join", joining("join")],
  ])("of %s takes the run with it if it said so, and otherwise leaves it going", async (_, leave) => {
    const [left, going] = [await leave(true), await leave(false)];
    await server.client.runs.join(left.thread_id, left.run_id);
    expect(await statusOf(left.thread_id, left.run_id)).toBe("interrupted");
    expect(await server.client.threads.get(left.thread_id)).toMatchObject({
      status: "idle",
      values: { items: ["before"] },
    });

    expect(await statusOf(going.thread_id, going.run_id)).toBe("running");
    going.open();
    await server.client.runs.join(going.thread_id, going.run_id);
    expect(await statusOf(going.thread_id, going.run_id)).toBe("success");
  });

  test("after the end cancels nothing", async () => {
    const { thread_id } = await server.client.threads.create();
    const payload = { input: HI, onDisconnect: "cancel" } as const;
    await Array.fromAsync(server.client.runs.stream(thread_id, "agent", payload));
    const [run] = await server.client.runs.list(thread_id);
    expect(run?.status).toBe("success");
  });
});
