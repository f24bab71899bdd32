import type { ThreadState } from "@langchain/langgraph-sdk";
import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    agent: "chat.ts:graph",
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
    together: "questions.ts:together",
    failing: "failing.ts:graph",
    mounted: "nested.ts:mounted",
    factory: "factories.ts:fromConfig",
    odd: "odd-values.ts:graph",
    workflow: "shapes.ts:workflow",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

interface Values {
  readonly items: string[];
  readonly messages: { content: string; type: string; id: string }[];
}

const newThread = async (payload = {}) => (await server.client.threads.create(payload)).thread_id;

async function run(threadId: string, graph: string, payload: object): Promise<Values> {
  return (await server.client.runs.wait(threadId, graph, payload)) as unknown as Values;
}

/** A thread on which three steps were done. */
async function steppedThread() {
  const threadId = await newThread();
  await run(threadId, "steps", { input: HI });
  return threadId;
}

const stateOf = (threadId: string) => server.client.threads.getState<Values>(threadId);
const historyOf = (threadId: string, options = {}) =>
  server.client.threads.getHistory<Values>(threadId, options);

/** The state at which a node was next. */
async function stateBefore(threadId: string, node: string): Promise<ThreadState<Values>> {
  const found = (await historyOf(threadId, { limit: 100 })).findLast(({ next }) => next.includes(node));
  if (found === undefined) throw new Error(`no state before ${node}`);
  return found;
}

const checkpointIdOf = ({ checkpoint }: ThreadState<Values>) => checkpoint.checkpoint_id ?? "";

describe("the state", () => {
  test("of a new thread is empty", async () => {
    const threadId = await newThread();
    const empty = {
      values: {},
      next: [],
      tasks: [],
      metadata: {},
      created_at: null,
      checkpoint: null,
      parent_checkpoint: null,
      interrupts: [],
    };
    expect(await stateOf(threadId)).toEqual(empty);
    expect(await historyOf(threadId)).toEqual([]);
    const response = await post(`${server.url}/threads/${threadId}/state/checkpoint`, {
      checkpoint: { thread_id: threadId },
    });
    expect(await response.json()).toEqual(empty);
  });

  test("of a thread that names its graph before the first run is empty too", async () => {
    const threadId = await newThread({ graphId: "steps" });
    expect(await stateOf(threadId)).toMatchObject({ next: [], tasks: [], checkpoint: null });
  });

  test("after a run has its values, its checkpoint and where it came from", async () => {
    const threadId = await steppedThread();
    expect(await stateOf(threadId)).toEqual({
      values: {
        items: ["a", "b", "c"],
        messages: [expect.objectContaining({ type: "human", content: "hi" })],
      },
      next: [],
      tasks: [],
      metadata: expect.objectContaining({
        source: "loop",
        step: 3,
        graph_id: "steps",
        run_id: expect.any(String),
      }),
      created_at: expect.any(String),
      checkpoint: {
        thread_id: threadId,
        checkpoint_ns: "",
        checkpoint_id: expect.any(String),
        checkpoint_map: null,
      },
      parent_checkpoint: expect.objectContaining({ thread_id: threadId, checkpoint_id: expect.any(String) }),
      interrupts: [],
    });
  });

  test("at a checkpoint is the same in all three forms, and latest without an id", async () => {
    const { client, url } = server;
    const threadId = await steppedThread();
    const before = await stateBefore(threadId, "b");
    const checkpoint = before.checkpoint;
    expect(before.values.items).toEqual(["a"]);
    expect(await client.threads.getState(threadId, checkpointIdOf(before))).toEqual(before);
    expect(await client.threads.getState(threadId, checkpoint)).toEqual(before);
    const answers = [
      { checkpoint: { checkpoint_id: checkpoint.checkpoint_id } },
      { checkpoint: { thread_id: threadId } },
    ];
    const [at, latest] = await Promise.all(
      answers.map(async (body) => (await post(`${url}/threads/${threadId}/state/checkpoint`, body)).json()),
    );
    expect(at).toEqual(before);
    expect(latest).toEqual(await stateOf(threadId));
  });

  test("at a checkpoint that is not there is not found, nor is that of an unknown thread", async () => {
    const { client } = server;
    const threadId = await steppedThread();
    await expect(client.threads.getState(threadId, crypto.randomUUID())).rejects.toMatchObject({
      status: 404,
    });
    await expect(client.threads.getState(crypto.randomUUID())).rejects.toMatchObject({ status: 404 });
    await expect(historyOf(crypto.randomUUID())).rejects.toMatchObject({ status: 404 });
  });

  test("of a graph that failed names the step, and why", async () => {
    const threadId = await newThread();
    await run(threadId, "failing", { input: HI, raiseError: false });
    expect(await stateOf(threadId)).toMatchObject({
      next: ["fail"],
      values: { items: ["before"] },
      tasks: [{ name: "fail", error: "kaboom", interrupts: [] }],
    });
  });

  test("of a failed graph goes on with the step that failed", async () => {
    const threadId = await newThread();
    await run(threadId, "failing", { input: HI, raiseError: false });
    await server.client.threads.updateState(threadId, { values: { order: "succeed" }, asNode: "before" });
    expect((await run(threadId, "failing", { input: null })).items).toEqual(["before", "succeeded"]);
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle", error: null });
  });

  test("of a subgraph is there when it is asked for, and is a checkpoint otherwise", async () => {
    const threadId = await newThread();
    await run(threadId, "mounted", { input: { ...HI, order: "ask" } });
    const [plain] = (await stateOf(threadId)).tasks;
    expect(plain).toMatchObject({
      name: "child",
      checkpoint: { checkpoint_ns: expect.stringMatching(/^child:/) },
      state: null,
    });
    const [full] = (await server.client.threads.getState<Values>(threadId, undefined, { subgraphs: true }))
      .tasks;
    expect(full?.state).toMatchObject({
      next: ["inner"],
      checkpoint: { checkpoint_ns: plain?.checkpoint?.checkpoint_ns },
    });
  });

  test("keeps what JSON has no word for readable", async () => {
    const threadId = await newThread();
    await run(threadId, "odd", { input: { order: "state" } });
    const { values } = await server.client.threads.get(threadId);
    expect(values).toMatchObject({
      value: {
        map: { a: 1, b: { c: 2 } },
        set: [1, 2],
        text: "NUL  and \uFFFD alone",
        message: { type: "ai" },
      },
    });
  });

  test("of a graph that is made per request is read with the configuration of its last run", async () => {
    const threadId = await newThread();
    await run(threadId, "factory", { input: HI, config: { configurable: { word: "one" } } });
    expect(await stateOf(threadId)).toMatchObject({ values: { items: ["one"] }, next: [] });
  });

  test("of an entrypoint is what it returned", async () => {
    const threadId = await newThread();
    expect(await run(threadId, "workflow", { input: { value: 4 } })).toEqual({ value: 8 });
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle", values: { value: 8 } });
  });
});

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

describe("a run from a checkpoint", () => {
  test.each(["checkpointId", "checkpoint"] as const)(
    "named by %s goes on from there, on a branch of its own",
    async (by) => {
      const threadId = await steppedThread();
      const before = await stateBefore(threadId, "c");
      const original = await stateOf(threadId);
      const place =
        by === "checkpoint" ? { checkpoint: before.checkpoint } : { checkpointId: checkpointIdOf(before) };
      const values = await run(threadId, "steps", {
        input: null,
        ...place,
        config: { configurable: { mark: "fork" } },
      });

      expect(values.items).toEqual(["a", "b", "fork"]);
      const forked = await stateOf(threadId);
      expect(forked.values.items).toEqual(["a", "b", "fork"]);
      expect(await server.client.threads.get(threadId)).toMatchObject({
        values: { items: ["a", "b", "fork"] },
      });
      // What was there before is still there.
      const kept = await server.client.threads.getState<Values>(threadId, checkpointIdOf(original));
      expect(kept.values.items).toEqual(["a", "b", "c"]);
      expect(await historyOf(threadId, { limit: 100 })).toHaveLength(7);
    },
  );

  test("with an input says it at that place of the conversation, as an edited message is sent", async () => {
    const { client } = server;
    const threadId = await newThread();
    const say = (content: string) => ({ input: { messages: [{ role: "user", content }] } });
    await run(threadId, "agent", say("one"));
    await run(threadId, "agent", say("two"));
    const beforeTwo = (await historyOf(threadId, { limit: 100 })).find(
      ({ values, next }) => values.messages.length === 2 && next.length === 0,
    );
    const payload = {
      ...say("three"),
      checkpointId: beforeTwo === undefined ? "" : checkpointIdOf(beforeTwo),
    };
    const values = await run(threadId, "agent", payload);
    const said = ["one", "You said: one", "three", "You said: three"];
    expect(values.messages.map(({ content }) => content)).toEqual(said);
    expect((await stateOf(threadId)).values.messages.map(({ content }) => content)).toEqual(said);
    expect((await run(threadId, "agent", say("four"))).messages).toHaveLength(6);
    expect(await client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });

  test("with only its thread named goes on from the latest one", async () => {
    const threadId = await steppedThread();
    const values = await run(threadId, "steps", { input: HI, checkpoint: { thread_id: threadId } });
    expect(values.items).toHaveLength(6);
  });

  test("that is not there is not found, and leaves no run", async () => {
    const threadId = await steppedThread();
    const response = await post(`${server.url}/threads/${threadId}/runs`, {
      assistant_id: "steps",
      checkpoint_id: crypto.randomUUID(),
    });
    expect(response.status).toBe(404);
    expect(await server.client.runs.list(threadId)).toHaveLength(1);
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });
});

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
