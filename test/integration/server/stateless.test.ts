import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { namesOf, parseFrames, post, rawRequest, runIdOf } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    deaf: "slow.ts:deaf",
    failing: "failing.ts:graph",
    twice: "questions.ts:twice",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

/** How many rows there are of a thread, in all tables that may have some. */
async function countRows(threadId: string): Promise<number> {
  const tables = ["threads", "runs", "checkpoints", "checkpoint_writes", "checkpoint_blobs"];
  const counts = tables.map((table) => `(select count(*) from ${table} where thread_id::text = $1)`);
  const { rows } = await server.db.query<{ count: number }>(`select (${counts.join(" + ")})::int as count`, [
    threadId,
  ]);
  return rows[0]?.count ?? -1;
}

/** The thread that a run was given; while it runs, its row tells. */
async function threadOf(runId: string): Promise<string> {
  const { rows } = await server.db.query<{ thread_id: string }>(
    "select thread_id from runs where run_id = $1",
    [runId],
  );
  return rows[0]?.thread_id ?? "";
}

async function startSlow(kind: "stream" | "wait", body: object = {}) {
  const gate = createGate();
  const answer = rawRequest(`${server.url}/runs/${kind}`, {
    method: "POST",
    body: { assistant_id: "slow", input: { gate: gate.name }, ...body },
  });
  await gate.arrived;
  const { rows } = await server.db.query<{ run_id: string; thread_id: string }>(
    "select run_id, thread_id from runs where kwargs -> 'input' ->> 'gate' = $1",
    [gate.name],
  );
  const [run = { run_id: "", thread_id: "" }] = rows;
  const text = async () => (await Array.fromAsync({ [Symbol.asyncIterator]: () => answer.chunks })).join("");
  return { gate, answer, text, ...run };
}

describe("a run without a thread gets one of its own, which is gone afterwards with its state", () => {
  test("when it is waited for", async () => {
    const { gate, text, thread_id } = await startSlow("wait");
    await expect.poll(() => countRows(thread_id)).toBeGreaterThan(5);
    gate.open();
    expect(JSON.parse(await text())).toMatchObject({ items: ["before", "work", "after"] });
    expect(await countRows(thread_id)).toBe(0);
  });

  test("when it is streamed", async () => {
    const response = await post(`${server.url}/runs/stream`, { assistant_id: "steps", input: HI });
    const frames = parseFrames(await response.text());
    expect(response.headers.get("content-location")).toBe(`/runs/${runIdOf(frames)}`);
    expect(response.headers.get("location")).toBe(`/runs/${runIdOf(frames)}/stream`);
    expect(namesOf(frames)).toEqual(["metadata", "values", "values", "values", "values", "end"]);
    const { rows } = await server.db.query("select 1 from runs where run_id = $1", [runIdOf(frames)]);
    expect(rows).toEqual([]);
  });

  test("when it runs in the background, where its stream can be joined", async () => {
    const { client } = server;
    const gate = createGate();
    const { run_id, thread_id } = await client.runs.create(null, "slow", {
      input: { gate: gate.name },
      streamMode: "updates",
    });
    expect(await threadOf(run_id)).toBe(thread_id);
    await gate.arrived;
    const joined = Array.fromAsync(client.runs.joinStream(null, run_id, { lastEventId: "-1" }));
    // The stream is there once its head is.
    await client.runs.get(thread_id, run_id);
    gate.open();
    expect((await joined).map(({ event }) => event)).toEqual([
      "metadata",
      "updates",
      "updates",
      "updates",
      "end",
    ]);
    expect(await countRows(thread_id)).toBe(0);
  });

  test("when it fails", async () => {
    const response = await post(`${server.url}/runs/wait`, { assistant_id: "failing", input: HI });
    expect(await response.json()).toEqual({ __error__: { error: "KaboomError", message: "kaboom" } });
    const [, runId = ""] = response.headers.get("content-location")?.split("/runs/") ?? [];
    expect(await threadOf(runId)).toBe("");
  });

  test("when it asks something, which nobody could answer", async () => {
    const values = await server.client.runs.wait(null, "twice", { input: HI });
    expect(values).toMatchObject({ __interrupt__: [{ value: { question: "name?" } }] });
    const { rows } = await server.db.query("select 1 from threads where metadata ->> 'graph_id' = 'twice'");
    expect(rows).toEqual([]);
  });

  test.each(["slow", "deaf"])("when it is cancelled in a node that is %s", async (assistant_id) => {
    const { client } = server;
    const { gate, thread_id, run_id, text } = await startSlow("stream", { assistant_id });
    await client.runs.cancel(thread_id, run_id, true);
    expect(parseFrames(await text()).at(-1)).toMatchObject({ event: "end", data: { status: "interrupted" } });
    gate.open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await countRows(thread_id)).toBe(0);
  });

  test("when it is rolled back", async () => {
    const { thread_id, run_id, text } = await startSlow("wait");
    await server.client.runs.cancel(thread_id, run_id, true, "rollback");
    await text();
    expect(await countRows(thread_id)).toBe(0);
  });

  test("when it is cancelled before it begins", async () => {
    const { client } = server;
    const { run_id, thread_id } = await client.runs.create(null, "steps", { input: HI, afterSeconds: 60 });
    const joined = Array.fromAsync(client.runs.joinStream(null, run_id));
    await client.runs.get(thread_id, run_id);
    await client.runs.cancel(thread_id, run_id, true);
    expect((await joined).at(-1)).toMatchObject({ event: "end", data: { status: "interrupted" } });
    expect(await countRows(thread_id)).toBe(0);
  });

  test("when its client goes away and takes it along", async () => {
    const { answer, thread_id } = await startSlow("wait", { on_disconnect: "cancel" });
    await answer.status;
    answer.drop();
    await expect.poll(() => countRows(thread_id)).toBe(0);
  });

  test("when the thread is deleted under it", async () => {
    const { gate, thread_id, text } = await startSlow("stream");
    await server.client.threads.delete(thread_id);
    expect(parseFrames(await text()).at(-1)).toMatchObject({ event: "end", data: { status: "interrupted" } });
    gate.open();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(await countRows(thread_id)).toBe(0);
  });
});

test("a thread that is to be kept stays, with its values and its run", async () => {
  const { client } = server;
  const payload = { input: HI, onCompletion: "keep" as never };
  const [{ run_id, thread_id }] = [await client.runs.create(null, "steps", payload)];
  expect(await client.runs.join(thread_id, run_id)).toMatchObject({ items: ["a", "b", "c"] });
  expect(await client.threads.get(thread_id)).toMatchObject({
    status: "idle",
    values: { items: ["a", "b", "c"] },
    metadata: { graph_id: "steps" },
  });
  expect(await client.threads.getState(thread_id)).toMatchObject({ values: { items: ["a", "b", "c"] } });
});

test("many at once each get their own answer", async () => {
  const words = Array.from({ length: 20 }, (_, index) => `word ${index}`);
  const answers = await Promise.all(
    words.map((mark) =>
      server.client.runs.wait(null, "steps", { input: HI, config: { configurable: { mark } } }),
    ),
  );
  expect(answers.map((values) => (values as unknown as { items: string[] }).items[2])).toEqual(words);
});
