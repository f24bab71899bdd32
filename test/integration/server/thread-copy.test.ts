import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { HI, threadStates } from "../../support/thread-states.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    breakpoint: "steps.ts:breakpoint",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
    failing: "failing.ts:graph",
    mounted: "nested.ts:mounted",
    unreadable: "unreadable.ts:graph",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf } = threadStates(server);

const copyOf = (threadId: string) => server.client.threads.copy(threadId);

/** With the id of one thread in place of another's. */
const renamed = (value: unknown, from: string, to: string): unknown =>
  JSON.parse(JSON.stringify(value).replaceAll(from, to));

describe("a copy of a thread", () => {
  test("has its metadata, values, and whole history, under an id of its own", async () => {
    const { client } = server;
    const threadId = await newThread({ metadata: { topic: "cats" } });
    await run(threadId, "steps", { input: HI, config: { configurable: { thread_id: threadId } } });
    const original = await client.threads.get(threadId);
    const copy = await copyOf(threadId);
    expect(copy.thread_id).not.toBe(threadId);
    expect(copy).toEqual({
      ...(renamed(original, threadId, copy.thread_id) as object),
      created_at: expect.any(String),
      updated_at: expect.any(String),
      state_updated_at: expect.any(String),
    });
    expect(copy.metadata).toMatchObject({ topic: "cats", graph_id: "steps" });
    const history = await historyOf(threadId);
    expect(history).toHaveLength(5);
    expect(await historyOf(copy.thread_id)).toEqual(renamed(history, threadId, copy.thread_id));
    expect(await client.runs.list(copy.thread_id)).toEqual([]);
  });

  test("goes on by itself, as does the original, and outlives it", async () => {
    const { client } = server;
    const threadId = await steppedThread();
    const { thread_id: copyId } = await copyOf(threadId);
    const mark = (name: string) => ({ input: HI, config: { configurable: { mark: name } } });
    await Promise.all([run(threadId, "steps", mark("original")), run(copyId, "steps", mark("copy"))]);
    expect((await stateOf(threadId)).values.items).toEqual(["a", "b", "c", "a", "b", "original"]);
    await client.threads.delete(threadId);
    expect((await stateOf(copyId)).values.items).toEqual(["a", "b", "c", "a", "b", "copy"]);
    expect((await run(copyId, "steps", mark("again"))).items).toHaveLength(9);
  });

  test("of one that asks can be answered on its own, in any order", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const copy = await copyOf(threadId);
    expect(copy).toMatchObject({
      status: "interrupted",
      interrupts: (await server.client.threads.get(threadId)).interrupts,
    });
    for (const [id, name] of [
      [copy.thread_id, "Grace"],
      [threadId, "Ada"],
    ] as const) {
      await run(id, "twice", { command: { resume: name } });
      const { items } = await run(id, "twice", { command: { resume: 36 } });
      expect(items).toEqual([`${name} is 36`, "confirmed"]);
    }
  });

  test("of one whose subgraph asks has the subgraph's state too", async () => {
    const threadId = await newThread();
    await run(threadId, "mounted", { input: { ...HI, order: "ask" } });
    const { thread_id: copyId } = await copyOf(threadId);
    await server.client.threads.delete(threadId);
    const state = await server.client.threads.getState(copyId, undefined, { subgraphs: true });
    expect(state.tasks[0]?.state).toMatchObject({ next: ["inner"], checkpoint: { thread_id: copyId } });
    const { items } = await run(copyId, "mounted", { command: { resume: "yes" } });
    expect(items.at(-1)).toBe("inner yes");
  });

  test.each([
    ["failing", { status: "error", error: { message: "kaboom" } }],
    ["breakpoint", { status: "interrupted", error: null }],
  ])("of one that %s left is as that", async (graph, expected) => {
    const threadId = await newThread();
    await run(threadId, graph, { input: HI, raiseError: false });
    expect(await copyOf(threadId)).toMatchObject(expected);
  });

  test("of one that was never run is empty, and has no time to live", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create({ metadata: { a: 1 }, ttl: 60 });
    const copy = await copyOf(thread_id);
    expect(copy).toMatchObject({ status: "idle", values: null, metadata: { a: 1 } });
    expect(await client.threads.get(copy.thread_id, { include: ["ttl"] })).not.toHaveProperty("ttl");
  });

  test("during a run has what is saved by then, is not busy, and can go on from there", async () => {
    const { client } = server;
    const gate = createGate();
    const threadId = await newThread();
    const { run_id } = await client.runs.create(threadId, "slow", {
      input: { ...HI, gate: gate.name },
      durability: "sync",
    });
    await gate.arrived;
    const copy = await copyOf(threadId);
    expect(copy).toMatchObject({ status: "idle", values: { items: ["before"] }, error: null });
    expect(await stateOf(copy.thread_id)).toMatchObject({ next: ["work"] });
    gate.open();
    await client.runs.join(threadId, run_id);
    expect(await stateOf(copy.thread_id)).toMatchObject({ next: ["work"] });
    expect((await run(copy.thread_id, "slow", { input: null })).items).toEqual(["before", "work", "after"]);
  });

  test("is whole, however fast the original is written to", async () => {
    const { client } = server;
    const threadId = await newThread();
    const runs = [];
    for (let count = 0; count < 5; count++) {
      runs.push(await client.runs.create(threadId, "steps", { input: HI, multitaskStrategy: "enqueue" }));
    }
    const copies = await Promise.all(Array.from({ length: 12 }, () => copyOf(threadId)));
    for (const { run_id } of runs) await client.runs.join(threadId, run_id);
    for (const { thread_id, values } of copies) {
      // A value whose blob was missed would be gone, and the trace would have a gap.
      const { items = [] } = (values ?? {}) as { items?: string[] };
      expect(items).toEqual(
        ["a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c", "a", "b", "c"].slice(0, items.length),
      );
      const state = await stateOf(thread_id);
      expect(state.values.items ?? []).toEqual(items);
    }
  });

  test("whose state cannot be read is not made", async () => {
    const { client } = server;
    const mark = crypto.randomUUID();
    const threadId = await newThread({ metadata: { mark } });
    await client.runs.create(threadId, "unreadable", { input: HI, afterSeconds: 3600 });
    await expect(copyOf(threadId)).rejects.toMatchObject({ status: 422 });
    expect(await client.threads.count({ metadata: { mark } })).toBe(1);
  });

  test("of one that is not there is not found", async () => {
    await expect(copyOf(crypto.randomUUID())).rejects.toMatchObject({ status: 404 });
  });
});
