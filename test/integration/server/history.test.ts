import type { ThreadState } from "@langchain/langgraph-sdk";
import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { HI, threadStates, type Values } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    mounted: "nested.ts:mounted",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf } = threadStates(server);

describe("the history", () => {
  const nexts = (states: readonly ThreadState<Values>[]) => states.map(({ next }) => next.join());

  test("has all states, newest first, each with the one before it as its parent", async () => {
    const threadId = await steppedThread();
    const history = await historyOf(threadId);
    expect(nexts(history)).toEqual(["", "c", "b", "a", "__start__"]);
    expect(history[0]).toEqual(await stateOf(threadId));
    for (const [index, { parent_checkpoint }] of history.entries()) {
      expect(parent_checkpoint).toEqual(history[index + 1]?.checkpoint ?? null);
    }
  });

  test("is cut by its limit, and goes on before a state, named by its id, its checkpoint or its config", async () => {
    const { url } = server;
    const threadId = await steppedThread();
    const [first, second] = await historyOf(threadId, { limit: 2 });
    expect(nexts([first, second] as never)).toEqual(["", "c"]);
    const { checkpoint } = second as ThreadState<Values>;
    for (const before of [
      checkpoint.checkpoint_id,
      checkpoint,
      { configurable: { checkpoint_id: checkpoint.checkpoint_id } },
    ]) {
      const response = await post(`${url}/threads/${threadId}/history`, { limit: 2, before });
      expect(nexts((await response.json()) as ThreadState<Values>[])).toEqual(["b", "a"]);
    }
    const response = await fetch(
      `${url}/threads/${threadId}/history?limit=2&before=${checkpoint.checkpoint_id}`,
    );
    expect(nexts((await response.json()) as ThreadState<Values>[])).toEqual(["b", "a"]);
  });

  test("can be narrowed by metadata: to a source, a step, or a run", async () => {
    const threadId = await steppedThread();
    await run(threadId, "steps", { input: HI });
    const [last] = await server.client.runs.list(threadId);
    expect(nexts(await historyOf(threadId, { metadata: { source: "input" } }))).toEqual([
      "__start__",
      "__start__",
    ]);
    expect(nexts(await historyOf(threadId, { metadata: { step: 3 } }))).toEqual([""]);
    const ofRun = await historyOf(threadId, { metadata: { run_id: last?.run_id } });
    expect(nexts(ofRun)).toEqual(["", "c", "b", "a", "__start__"]);
    expect(new Set(ofRun.map(({ metadata }) => metadata?.["run_id"]))).toEqual(new Set([last?.run_id]));
  });

  test("comes with only the fields and values that are asked for", async () => {
    const threadId = await steppedThread();
    const wanted = [
      ["a", "b", "c"],
      ["a", "b"],
    ].map((items) => ({ values: { items } }));
    expect(await historyOf(threadId, { limit: 2, select: ["values.items"] })).toEqual(wanted);
    const query = "limit=2&select=values.items";
    const response = await fetch(`${server.url}/threads/${threadId}/history?${query}`);
    expect(await response.json()).toEqual(wanted);
  });

  test("of a subgraph is that of its namespace", async () => {
    const threadId = await newThread();
    await run(threadId, "mounted", { input: { ...HI, order: "ask" } });
    const [task] = (await stateOf(threadId)).tasks;
    const checkpoint = { checkpoint_ns: task?.checkpoint?.checkpoint_ns ?? "" };
    expect(nexts(await historyOf(threadId, { checkpoint }))).toEqual(["inner", "__start__"]);
  });
});

describe("durability", () => {
  test.each([
    ["exit", 1],
    ["async", 5],
    ["sync", 5],
  ])("%s leaves %i checkpoints of three steps", async (durability, count) => {
    const threadId = await newThread();
    await run(threadId, "steps", { input: HI, durability });
    expect(await historyOf(threadId)).toHaveLength(count);
    expect((await stateOf(threadId)).values.items).toEqual(["a", "b", "c"]);
  });

  test("by its older name, checkpoint_during: false, is exit", async () => {
    const threadId = await newThread();
    await run(threadId, "steps", { input: HI, checkpointDuring: false });
    expect(await historyOf(threadId)).toHaveLength(1);
  });
});
