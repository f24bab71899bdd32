import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, namesOf, streamFrames } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    twice: "questions.ts:twice",
    together: "questions.ts:together",
    steps: "steps.ts:graph",
    breakpoint: "steps.ts:breakpoint",
    nested: "nested.ts:graph",
    mounted: "nested.ts:mounted",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

interface Values {
  readonly items: string[];
  readonly messages: { content: string }[];
  readonly __interrupt__?: { id: string; value: { question: string } }[];
}

/** Runs on a thread and returns its values, or the values and the questions. */
const run = async (threadId: string, graph: string, payload: object) =>
  (await server.client.runs.wait(threadId, graph, payload)) as unknown as Values;

const newThread = async () => (await server.client.threads.create()).thread_id;

const questionsOf = ({ __interrupt__ = [] }: Values) => __interrupt__.map(({ value }) => value.question);

describe("a graph that asks", () => {
  test("streams the question as an update and as values, then ends as interrupted", async () => {
    const threadId = await newThread();
    const frames = await streamFrames(`${server.url}/threads/${threadId}/runs/stream`, {
      assistant_id: "twice",
      input: HI,
      stream_mode: ["values", "updates"],
    });
    expect(namesOf(frames)).toEqual(["metadata", "values", "updates", "values", "end"]);
    const asked = {
      __interrupt__: [{ id: expect.stringMatching(/^[0-9a-f]{32}$/), value: { question: "name?" } }],
    };
    expect(dataOf(frames, "updates")).toEqual([asked]);
    expect(dataOf(frames, "values").at(-1)).toEqual(asked);
    expect(frames.at(-1)?.data).toMatchObject({ status: "interrupted" });
  });

  test("leaves its thread interrupted, with the question by its task, in the thread and in the state", async () => {
    const { client } = server;
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const thread = await client.threads.get(threadId);
    const state = await client.threads.getState(threadId);
    const [task] = state.tasks;
    expect(thread).toMatchObject({ status: "interrupted", error: null, values: { items: [] } });
    expect(thread.interrupts).toEqual({
      [task?.id ?? ""]: [{ id: expect.any(String), value: { question: "name?" } }],
    });
    expect(state).toMatchObject({ next: ["ask"], interrupts: Object.values(thread.interrupts).flat() });
    expect(task).toMatchObject({ name: "ask", error: null, interrupts: [{ value: { question: "name?" } }] });
    const [{ status } = { status: null }] = await client.runs.list(threadId);
    expect(status).toBe("interrupted");
    expect((await client.threads.search({ status: "interrupted", ids: [threadId] })).length).toBe(1);
  });

  test("gets one answer after the other, and goes on from where it asked", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    expect(questionsOf(await run(threadId, "twice", { command: { resume: "Ada" } }))).toEqual(["age?"]);
    const values = await run(threadId, "twice", { command: { resume: "36" } });
    expect(values.items).toEqual(["Ada is 36", "confirmed"]);
    expect(values.messages).toHaveLength(1);
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle", interrupts: {} });
  });

  test.each([
    ["false", false],
    ["zero", 0],
    ["no text", ""],
    ["an object", { a: [1] }],
  ])("takes %s for an answer", async (_, resume) => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    expect(questionsOf(await run(threadId, "twice", { command: { resume } }))).toEqual(["age?"]);
  });

  test("twice at once gets its answers by the ids of the questions, in one run or in two", async () => {
    for (const together of [true, false]) {
      const threadId = await newThread();
      const asked = await run(threadId, "together", { input: HI });
      expect(questionsOf(asked).toSorted()).toEqual(["left?", "right?"]);
      const answers = (asked.__interrupt__ ?? []).map(({ id, value }) => [
        id,
        value.question.replace("?", "!"),
      ]);
      const commands = together ? [answers] : answers.map((answer) => [answer]);
      let values = asked;
      for (const some of commands) {
        values = await run(threadId, "together", { command: { resume: Object.fromEntries(some) } });
      }
      expect(values.items.toSorted()).toEqual(["left left!", "right right!"]);
    }
  });

  test.each(["nested", "mounted"])("in a subgraph (%s) is answered the same way", async (graph) => {
    const threadId = await newThread();
    expect(questionsOf(await run(threadId, graph, { input: { ...HI, order: "ask" } }))).toEqual(["really?"]);
    const state = await server.client.threads.getState(threadId, undefined, { subgraphs: true });
    expect(state.next).toEqual(["child"]);
    expect(state.tasks[0]?.interrupts).toMatchObject([{ value: { question: "really?" } }]);
    const { items } = await run(threadId, graph, { command: { resume: "yes" } });
    expect(items.at(-1)).toBe("inner yes");
    expect(items).toContain("outer");
  });

  test("starts anew when it gets an input instead of an answer", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const values = await run(threadId, "twice", { input: HI });
    expect(questionsOf(values)).toEqual(["name?"]);
    expect(values.messages).toHaveLength(2);
  });
});

describe("a command", () => {
  test("wins over an input that comes with it", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const values = await run(threadId, "twice", { input: HI, command: { resume: "Ada" } });
    expect(questionsOf(values)).toEqual(["age?"]);
    expect(values.messages).toHaveLength(1);
  });

  test("may carry LangGraph's mark and an empty goto, as RemoteGraph sends it", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const command = { lg_name: "Command", resume: "Ada", goto: [] };
    expect(questionsOf(await run(threadId, "twice", { command }))).toEqual(["age?"]);
  });

  test("can change the state and go to a node, or to several", async () => {
    const threadId = await newThread();
    await run(threadId, "steps", { input: HI, interruptBefore: ["b"] });
    const one = await run(threadId, "steps", { command: { update: { items: ["new"] }, goto: "c" } });
    expect(one.items.toSorted()).toEqual(["a", "b", "c", "c", "new"]);

    const other = await newThread();
    await run(other, "steps", { input: HI });
    const sent = { node: "c", input: { items: ["sent"] } };
    const several = await run(other, "steps", { command: { goto: ["b", sent] } });
    expect(several.items.slice(3).toSorted()).toEqual(["b", "c", "c"]);
  });

  test("can update and answer at once", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const values = await run(threadId, "twice", { command: { resume: "Ada", update: { items: ["noted"] } } });
    expect(values.items).toEqual(["noted"]);
    expect(questionsOf(values)).toEqual(["age?"]);
  });

  test("to the end finishes the thread, as a client that dismisses a question sends it", async () => {
    const threadId = await newThread();
    await run(threadId, "twice", { input: HI });
    const { run_id } = await server.client.runs.create(threadId, "twice", {
      command: { goto: "__end__", update: null } as never,
    });
    await server.client.runs.join(threadId, run_id);
    expect((await server.client.runs.get(threadId, run_id)).status).not.toBe("error");
  });
});

describe("a breakpoint", () => {
  const items = async (threadId: string) =>
    (await server.client.threads.getState<Values>(threadId)).values.items;

  test.each([
    ["before a node", { interruptBefore: ["b"] }, ["a"], ["b"]],
    ["after a node", { interruptAfter: ["b"] }, ["a", "b"], ["c"]],
    ["before all", { interruptBefore: "*" }, [], ["a"]],
    ["after all", { interruptAfter: "*" }, ["a"], ["b"]],
  ])("%s stops the run, and the next one without input goes on", async (_, payload, done, next) => {
    const { client } = server;
    const threadId = await newThread();
    const stopped = await run(threadId, "steps", { input: HI, ...payload });
    expect(stopped.items).toEqual(done);
    expect(stopped).not.toHaveProperty("__interrupt__");
    expect(await client.threads.getState(threadId)).toMatchObject({ next });
    expect(await client.threads.get(threadId)).toMatchObject({ status: "interrupted", interrupts: {} });
    const [last] = await client.runs.list(threadId);
    expect(last?.status).toBe("interrupted");

    expect((await run(threadId, "steps", { input: null })).items).toEqual(["a", "b", "c"]);
    expect(await client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });

  test("of all nodes lets one step through at a time", async () => {
    const threadId = await newThread();
    const seen = [];
    for (const input of [HI, null, null, null]) {
      await run(threadId, "steps", { input, interruptAfter: "*" });
      seen.push((await items(threadId)).length);
    }
    expect(seen).toEqual([1, 2, 3, 3]);
  });

  test("that the graph was compiled with holds unless the run says otherwise", async () => {
    const threadId = await newThread();
    expect((await run(threadId, "breakpoint", { input: HI })).items).toEqual(["a"]);
    const other = await newThread();
    expect((await run(other, "breakpoint", { input: HI, interruptBefore: ["c"] })).items).toEqual(["a", "b"]);
  });
});
