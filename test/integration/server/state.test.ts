import type { ThreadStateSelectField } from "@langchain/langgraph-sdk";
import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { checkpointIdOf, HI, threadStates, type Values } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    agent: "chat.ts:graph",
    steps: "steps.ts:graph",
    failing: "failing.ts:graph",
    mounted: "nested.ts:mounted",
    factory: "factories.ts:fromConfig",
    odd: "odd-values.ts:graph",
    workflow: "shapes.ts:workflow",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf, stateBefore } = threadStates(server);

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

  test("comes with only the fields and values that are asked for, in all its forms", async () => {
    const { client } = server;
    const threadId = await steppedThread();
    const state = await stateOf(threadId);
    const items = { values: { items: ["a", "b", "c"] } };
    const forms = [undefined, checkpointIdOf(state), state.checkpoint];
    for (const checkpoint of forms) {
      const read = (select: ThreadStateSelectField[]) =>
        client.threads.getState(threadId, checkpoint, { select });
      expect(await read(["values.items"])).toEqual(items);
      expect(await read(["values.items", "next", "values.nothing"])).toEqual({ ...items, next: [] });
      expect(await read(["values", "values.items"])).toEqual({ values: state.values });
      expect(await read(["checkpoint", "metadata"])).toEqual({
        checkpoint: state.checkpoint,
        metadata: state.metadata,
      });
    }
  });

  test.each(["select=value", "select=values.", "select=values&select=items", "select=%5B1%5D"])(
    "does not come with what there is not: ?%s",
    async (query) => {
      const threadId = await newThread();
      for (const place of ["state", "history"]) {
        expect((await fetch(`${server.url}/threads/${threadId}/${place}?${query}`)).status).toBe(422);
      }
    },
  );
});
