import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { human, input, newThread, stateOf, textsOf } from "./support/messages.ts";
import { SDKS } from "./support/sdks.ts";

describe.each(SDKS)("threads with $name", ({ connect, lacks }) => {
  const client = connect;

  /** A thread on which the agent has answered. */
  async function conversation(content = "hello"): Promise<string> {
    const threadId = await newThread(client());
    await client().runs.wait(threadId, "agent", { input: input(content) });
    return threadId;
  }

  test("are created, changed and deleted", async () => {
    const threadId = randomUUID();
    const created = await client().threads.create({ threadId, graphId: "agent", metadata: { owner: "ada" } });
    expect(created).toMatchObject({
      thread_id: threadId,
      status: "idle",
      metadata: { owner: "ada", graph_id: "agent" },
      interrupts: {},
    });
    await expect(client().threads.create({ threadId })).rejects.toMatchObject({ status: 409 });
    const same = await client().threads.create({ threadId, ifExists: "do_nothing" });
    expect(same.metadata).toEqual(created.metadata);

    await client().threads.update(threadId, { metadata: { more: true } });
    const changed = await client().threads.get(threadId);
    expect(changed.metadata).toEqual({ owner: "ada", graph_id: "agent", more: true });

    await client().threads.delete(threadId);
    await expect(client().threads.get(threadId)).rejects.toMatchObject({ status: 404 });
  });

  test("may begin with a history that is given", async () => {
    const { thread_id } = await client().threads.create({
      graphId: "agent",
      supersteps: [
        { updates: [{ values: { messages: [human("first")] }, asNode: "__start__" }] },
        { updates: [{ values: { messages: [{ type: "ai", content: "second" }] }, asNode: "model" }] },
      ],
    });
    const { values, next } = await stateOf(client(), thread_id);
    expect(textsOf(values)).toEqual(["first", "second"]);
    expect(next).toEqual([]);
  });

  test.skipIf(lacks.includes("threads.get include"))("tell how long they are kept, when asked", async () => {
    const { thread_id } = await client().threads.create({ ttl: 60 });
    const thread = await client().threads.get(thread_id, { include: ["ttl"] });
    expect(thread).toMatchObject({ ttl: { strategy: "delete" } });
  });

  test.skipIf(lacks.includes("threads.update returnMinimal"))("are changed without an answer", async () => {
    const threadId = await newThread(client());
    const answer = await client().threads.update(threadId, { metadata: { a: 1 }, returnMinimal: true });
    expect(answer).toBeUndefined();
    expect(await client().threads.get(threadId)).toMatchObject({ metadata: { a: 1 } });
  });

  test("are found by metadata, status, values and ids, and counted", async () => {
    const mark = randomUUID();
    const threadId = await conversation();
    await client().threads.update(threadId, { metadata: { mark } });
    const { values } = await stateOf(client(), threadId);
    const idOnly = [{ thread_id: threadId }];
    const found = (query: object) =>
      client().threads.search({ select: ["thread_id"], sortBy: "updated_at", sortOrder: "desc", ...query });

    expect(await found({ metadata: { mark } })).toEqual(idOnly);
    expect(await found({ ids: [threadId] })).toEqual(idOnly);
    expect(await found({ metadata: { mark }, status: "idle" })).toEqual(idOnly);
    expect(await found({ metadata: { mark }, status: "busy" })).toEqual([]);
    expect(await found({ metadata: { mark }, values: { messages: values.messages } })).toEqual(idOnly);
    // Clients that list conversations look for them by these.
    expect(await found({ metadata: { mark, graph_id: "agent" } })).toEqual(idOnly);
    const { assistant_id } = await client().assistants.get("agent");
    expect(await found({ metadata: { mark, assistant_id } })).toEqual(idOnly);
    expect(await client().threads.count({ metadata: { mark } })).toBe(1);
  });

  test.skipIf(lacks.includes("threads.search extract"))("show a part of their values", async () => {
    const threadId = await conversation("look at me");
    const [thread] = await client().threads.search({
      ids: [threadId],
      extract: { last: "values.messages[-1].content" },
    });
    expect(thread).toMatchObject({ extracted: { last: "You said: look at me" } });
  });

  test("without a run have an empty state and no history", async () => {
    const threadId = await newThread(client());
    expect(await stateOf(client(), threadId)).toMatchObject({
      values: {},
      next: [],
      tasks: [],
      checkpoint: null,
    });
    expect(await client().threads.getHistory(threadId)).toEqual([]);
  });

  test("have a state, at the end and at every step", async () => {
    const threadId = await conversation();
    const state = await stateOf(client(), threadId);
    expect(textsOf(state.values)).toEqual(["hello", "You said: hello"]);
    expect(state).toMatchObject({
      next: [],
      tasks: [],
      checkpoint: { thread_id: threadId, checkpoint_ns: "" },
      metadata: { step: 1, source: "loop" },
    });

    const parent = state.parent_checkpoint;
    if (parent?.checkpoint_id == null) throw new Error("the last state has no parent");
    const byId = await client().threads.getState(threadId, parent.checkpoint_id);
    const byCheckpoint = await client().threads.getState(threadId, parent, { subgraphs: false });
    expect(byId).toMatchObject({ next: ["model"], checkpoint: { checkpoint_id: parent.checkpoint_id } });
    expect(byCheckpoint).toEqual(byId);
  });

  test("have a history, from the newest on", async () => {
    const threadId = await conversation();
    const history = await client().threads.getHistory(threadId);
    expect(history.map(({ next }) => next)).toEqual([[], ["model"], ["__start__"]]);
    const [newest] = history;
    const { checkpoint_id } = newest?.checkpoint ?? {};
    // The SDK declares a config of which it leaves out the type of what names a checkpoint.
    const before = { configurable: { checkpoint_id } } as object;
    expect(await client().threads.getHistory(threadId, { before, limit: 1 })).toEqual([history[1]]);
    expect(await client().threads.getHistory(threadId, { metadata: { source: "input" } })).toEqual([
      history[2],
    ]);
  });

  test("are changed as a node would, and another way from an earlier state", async () => {
    const threadId = await conversation();
    const { configurable } = await client().threads.updateState(threadId, {
      values: { messages: [{ type: "ai", content: "edited" }] },
      asNode: "model",
    });
    const edited = await stateOf(client(), threadId);
    expect(configurable).toMatchObject({ checkpoint_id: edited.checkpoint.checkpoint_id });
    expect(textsOf(edited.values)).toEqual(["hello", "You said: hello", "edited"]);

    const [, , begin] = await client().threads.getHistory(threadId, { limit: 3 });
    await client().threads.updateState(threadId, {
      values: { messages: [human("another way")] },
      checkpointId: begin?.checkpoint.checkpoint_id ?? "",
    });
    const { values } = await stateOf(client(), threadId);
    expect(textsOf(values)).toEqual(["hello", "another way"]);
  });

  test.skipIf(lacks.includes("threads.getState select"))("show the parts of a state", async () => {
    const threadId = await conversation();
    const select = ["values.messages", "next"] as const;
    const state = await client().threads.getState(threadId, undefined, { select: [...select] });
    expect(Object.keys(state).sort()).toEqual(["next", "values"]);
    const [newest] = await client().threads.getHistory(threadId, { select: ["checkpoint"], limit: 1 });
    expect(Object.keys(newest ?? {})).toEqual(["checkpoint"]);
  });

  test("take metadata to their latest state", async () => {
    const threadId = await conversation();
    await client().threads.patchState(threadId, { reviewed: true });
    expect((await stateOf(client(), threadId)).metadata).toMatchObject({ reviewed: true, source: "loop" });
  });

  test("show the state of a subgraph that waits", async () => {
    const threadId = await newThread(client());
    await client().runs.wait(threadId, "nested-questions", { input: input("hi") });
    const plain = await client().threads.getState(threadId);
    expect(plain.tasks).toMatchObject([
      { name: "child", checkpoint: { checkpoint_ns: expect.stringMatching(/^child:/) } },
    ]);
    const deep = await client().threads.getState(threadId, undefined, { subgraphs: true });
    expect(deep.tasks).toMatchObject([{ name: "child", state: { next: ["ask"] } }]);
  });

  test("are copied with what happened on them", async () => {
    const threadId = await conversation();
    const copy = await client().threads.copy(threadId);
    expect(copy.thread_id).not.toBe(threadId);
    const { values } = await stateOf(client(), copy.thread_id);
    expect(textsOf(values)).toEqual(["hello", "You said: hello"]);
    expect(await client().threads.getHistory(copy.thread_id)).toHaveLength(3);

    await client().runs.wait(copy.thread_id, "agent", { input: input("on the copy") });
    expect(textsOf((await stateOf(client(), threadId)).values)).toHaveLength(2);
  });

  test.skipIf(lacks.includes("threads.prune"))("are pruned to their latest state, or away", async () => {
    const [kept, gone] = [await conversation(), await conversation()];
    expect(await client().threads.prune([kept], { strategy: "keep_latest" })).toMatchObject({
      pruned_count: 1,
    });
    expect(await client().threads.getHistory(kept)).toHaveLength(1);
    expect(textsOf((await stateOf(client(), kept)).values)).toEqual(["hello", "You said: hello"]);
    expect(await client().threads.prune([gone])).toMatchObject({ pruned_count: 1 });
    await expect(client().threads.get(gone)).rejects.toMatchObject({ status: 404 });
  });

  test("are followed over their runs", async () => {
    const threadId = await newThread(client());
    const left = new AbortController();
    const values: unknown[] = [];
    const { run_id } = await client().runs.create(threadId, "agent", { input: input("first") });
    await client().runs.join(threadId, run_id);
    const stream = client().threads.joinStream(threadId, { lastEventId: "-", signal: left.signal });
    try {
      for await (const { event, data } of stream) {
        if (event !== "values") continue;
        values.push(textsOf(data).at(-1));
        if (values.at(-1) === "You said: first")
          await client().runs.create(threadId, "agent", { input: input("second") });
        if (values.at(-1) === "You said: second") break;
      }
    } finally {
      left.abort();
    }
    expect(values).toEqual(["first", "You said: first", "second", "You said: second"]);
  });
});
