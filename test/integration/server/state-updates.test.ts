import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { checkpointIdOf, HI, threadStates, type Values } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    agent: "chat.ts:graph",
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf, stateBefore } = threadStates(server);

describe("an update of the state", () => {
  test("is one more checkpoint, and what the thread shows", async () => {
    const { client } = server;
    const threadId = await steppedThread();
    const before = await client.threads.get(threadId);
    const { checkpoint } = (await client.threads.updateState(threadId, {
      values: { items: ["by hand"] },
    })) as {
      checkpoint: object;
    };
    const after = await stateOf(threadId);
    expect(after).toMatchObject({ checkpoint, metadata: { source: "update" } });
    expect(after.values.items).toEqual(["a", "b", "c", "by hand"]);
    const thread = await client.threads.get(threadId);
    expect(thread).toMatchObject({ status: "idle", values: { items: ["a", "b", "c", "by hand"] } });
    expect(thread.state_updated_at > before.state_updated_at).toBe(true);
    expect(await historyOf(threadId)).toHaveLength(6);
  });

  test("as a node makes those after it next", async () => {
    const threadId = await steppedThread();
    await server.client.threads.updateState(threadId, { values: { items: ["as a"] }, asNode: "a" });
    expect(await stateOf(threadId)).toMatchObject({ next: ["b"] });
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "interrupted" });
    expect((await run(threadId, "steps", { input: null })).items).toEqual(["a", "b", "c", "as a", "b", "c"]);
  });

  test("of null as the end dismisses a question, as Agent Inbox does", async () => {
    const { client } = server;
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    await client.threads.updateState(threadId, { values: null, asNode: "__end__" });
    expect(await stateOf(threadId)).toMatchObject({ next: [], tasks: [] });
    expect(await client.threads.get(threadId)).toMatchObject({ status: "idle", interrupts: {} });
  });

  test("of null as a copy forks a checkpoint, from which the graph runs again, as Studio does", async () => {
    const threadId = await steppedThread();
    const before = await stateBefore(threadId, "b");
    const response = await post(`${server.url}/threads/${threadId}/state`, {
      values: null,
      as_node: "__copy__",
      checkpoint: before.checkpoint,
    });
    const { checkpoint } = (await response.json()) as { checkpoint: { checkpoint_id: string } };
    expect(checkpoint.checkpoint_id).not.toBe(before.checkpoint.checkpoint_id);
    expect(await stateOf(threadId)).toMatchObject({
      next: ["b"],
      values: before.values,
      checkpoint,
      parent_checkpoint: before.parent_checkpoint,
      metadata: { source: "fork" },
    });
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "interrupted" });
    const { items } = await run(threadId, "steps", {
      input: null,
      config: { configurable: { mark: "again" } },
    });
    expect(items).toEqual(["a", "b", "again"]);
  });

  test("as a copy, with what nodes are said to have written, forks a checkpoint and goes on behind them", async () => {
    const threadId = await steppedThread();
    const checkpoint_id = checkpointIdOf(await stateBefore(threadId, "b"));
    const update = (values: unknown, as_node = "__copy__") =>
      post(`${server.url}/threads/${threadId}/state`, { values, as_node, checkpoint_id });
    expect((await update([[{ items: ["instead"] }, "b"]])).status).toBe(200);
    expect(await stateOf(threadId)).toMatchObject({ next: ["c"], values: { items: ["a", "instead"] } });
    expect((await update([[{ items: ["instead"] }, "nowhere"]])).status).toBe(422);
    expect((await update([[{ items: ["instead"] }, "b"]], "b")).status).toBe(422);
  });

  test("as the input is noted as one, and a run takes it in", async () => {
    const threadId = await newThread({ graphId: "steps" });
    await server.client.threads.updateState(threadId, { values: HI, asNode: "__input__" });
    expect(await stateOf(threadId)).toMatchObject({ next: ["__start__"], metadata: { source: "input" } });
    const { items, messages } = await run(threadId, "steps", { input: null });
    expect([items, messages.map(({ content }) => content)]).toEqual([["a", "b", "c"], ["hi"]]);
  });

  test("as the start takes an input in, and the first node is next", async () => {
    const threadId = await newThread({ graphId: "steps" });
    await server.client.threads.updateState(threadId, { values: HI, asNode: "__start__" });
    const state = await stateOf(threadId);
    expect(state).toMatchObject({ next: ["a"], values: { messages: [{ content: "hi" }] } });
    expect((await run(threadId, "steps", { input: null })).items).toEqual(["a", "b", "c"]);
  });

  test("of null as a node does only the step on", async () => {
    const threadId = await steppedThread();
    await server.client.threads.updateState(threadId, { values: null, asNode: "a" });
    expect(await stateOf(threadId)).toMatchObject({ next: ["b"], values: { items: ["a", "b", "c"] } });
  });

  test("at a checkpoint branches off there, named either way", async () => {
    const { client, url } = server;
    for (const byId of [true, false]) {
      const threadId = await steppedThread();
      const before = await stateBefore(threadId, "c");
      const { checkpoint } = before;
      const place = byId ? { checkpoint_id: checkpoint.checkpoint_id } : { checkpoint };
      const response = await post(`${url}/threads/${threadId}/state`, {
        values: { items: ["branch"] },
        ...place,
      });
      expect(response.status).toBe(200);
      const state = await stateOf(threadId);
      expect(state.values.items).toEqual(["a", "b", "branch"]);
      expect(state.parent_checkpoint).toMatchObject({ checkpoint_id: checkpoint.checkpoint_id });
      expect((await client.threads.getState<Values>(threadId, checkpointIdOf(before))).values.items).toEqual([
        "a",
        "b",
      ]);
    }
  });

  test("gives a thread its first state when it names its graph", async () => {
    const { client } = server;
    for (const payload of [{ graphId: "agent" }, { metadata: { assistant_id: "agent" } }]) {
      const threadId = await newThread(payload);
      await client.threads.updateState(threadId, { values: HI });
      expect((await stateOf(threadId)).values.messages).toMatchObject([{ type: "human", content: "hi" }]);
    }
  });

  test.each([
    ["while a run is in progress", 409],
    ["of a thread without a graph", 422],
    ["as a node that is not there", 422],
    ["at a checkpoint that is not there", 404],
    ["of a thread that is not there", 404],
  ])("%s is refused with %i", async (what, status) => {
    const { client, url } = server;
    const gate = createGate();
    let threadId = await newThread();
    const body: Record<string, unknown> = { values: { items: ["x"] } };
    if (what.includes("in progress")) {
      await client.runs.create(threadId, "slow", { input: { gate: gate.name } });
      await gate.arrived;
    } else if (!what.includes("without")) await run(threadId, "steps", { input: HI });
    if (what.includes("as a node")) body["as_node"] = "nowhere";
    if (what.includes("at a checkpoint")) body["checkpoint_id"] = crypto.randomUUID();
    if (what.includes("of a thread that")) threadId = crypto.randomUUID();
    const response = await post(`${url}/threads/${threadId}/state`, body);
    gate.open();
    expect(response.status).toBe(status);
  });
});

describe("metadata for the state", () => {
  test("are merged into those of the latest checkpoint, where the history finds them", async () => {
    const { client } = server;
    const threadId = await steppedThread();
    const before = await stateOf(threadId);
    await client.threads.patchState(threadId, { reviewed: true });
    await client.threads.patchState({ configurable: { thread_id: threadId } }, { by: "Ada" });
    const after = await stateOf(threadId);
    expect(after).toEqual({ ...before, metadata: { ...before.metadata, reviewed: true, by: "Ada" } });
    expect(await historyOf(threadId, { metadata: { reviewed: true } })).toEqual([after]);
    expect((await client.threads.get(threadId)).metadata).not.toHaveProperty("reviewed");
    expect((await run(threadId, "steps", { input: HI })).items).toHaveLength(6);
  });

  test.each([
    ["of a thread that is not there", 404],
    ["of a thread without state", 409],
    ["that LangGraph goes by", 422],
  ])("%s are refused with %i", async (what, status) => {
    const threadId = what.includes("not there")
      ? crypto.randomUUID()
      : what.includes("without")
        ? await newThread()
        : await steppedThread();
    const metadata = what.includes("LangGraph") ? { run_id: crypto.randomUUID() } : { a: 1 };
    await expect(server.client.threads.patchState(threadId, metadata)).rejects.toMatchObject({ status });
  });
});
