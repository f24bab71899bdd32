import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { HI, threadStates } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    agent: "chat.ts:graph",
    twice: "questions.ts:twice",
    together: "questions.ts:together",
  },
});

const { run, steppedThread, stateOf, historyOf } = threadStates(server);

const step = (as_node: string, values: unknown = { items: [`by hand as ${as_node}`] }) => ({
  updates: [{ values, as_node }],
});

/** What a graph does with its input: it is noted, and then taken in. */
const START = [step("__input__", HI), step("__start__", HI)];

const create = (supersteps: unknown, body: object = {}) =>
  post(`${server.url}/threads`, { metadata: { graph_id: "steps" }, ...body, supersteps });

describe("a thread with supersteps", () => {
  test("begins with the state and history that they leave, and goes on from there", async () => {
    const { client } = server;
    const created = await client.threads.create({
      graphId: "steps",
      supersteps: [
        { updates: [{ values: HI, asNode: "__input__" }] },
        { updates: [{ values: HI, asNode: "__start__" }] },
        { updates: [{ values: { items: ["one"] }, asNode: "a" }] },
      ],
    });
    expect(created).toMatchObject({ status: "interrupted", values: { items: ["one"] }, error: null });
    const threadId = created.thread_id;
    expect(await client.threads.get(threadId)).toEqual(created);
    expect(await stateOf(threadId)).toMatchObject({
      next: ["b"],
      values: { items: ["one"], messages: [{ type: "human", content: "hi" }] },
    });
    expect(await historyOf(threadId)).toHaveLength(3);
    expect((await run(threadId, "steps", { input: null })).items).toEqual(["one", "b", "c"]);
  });

  test("can repeat the history of another", async () => {
    const original = await steppedThread();
    const response = await create([...START, step("a"), step("b"), step("c", [{ items: ["c"] }])]);
    const { thread_id, status } = (await response.json()) as { thread_id: string; status: string };
    expect(status).toBe("idle");
    const nextsOf = async (id: string) => (await historyOf(id)).map(({ next }) => next.join());
    expect(await nextsOf(thread_id)).toEqual(await nextsOf(original));
  });

  test("takes several nodes in one step", async () => {
    const updates = ["left", "right"].map((as_node) => ({ values: { items: [as_node] }, as_node }));
    const response = await create([...START, { updates }], { metadata: { graph_id: "together" } });
    expect(await response.json()).toMatchObject({ values: { items: ["left", "right"] }, status: "idle" });
  });

  test("takes commands, which say where it goes on", async () => {
    const command = { update: { items: ["jump"] }, goto: "c" };
    const response = await create([...START, { updates: [{ command, as_node: "a" }] }]);
    const { thread_id, values } = (await response.json()) as { thread_id: string; values: object };
    expect(values).toMatchObject({ items: ["jump"] });
    expect((await stateOf(thread_id)).next).toContain("c");
  });

  test.each([
    [
      "a node that is not there",
      [...START, step("nowhere")],
      {},
      422,
      /supersteps\.2\.updates\.0\.as_node: .*nowhere/,
    ],
    [
      "a goto that leads nowhere",
      [...START, { updates: [{ command: { goto: "nowhere" }, as_node: "a" }] }],
      {},
      422,
      /command\.goto/,
    ],
    ["an answer", [...START, { updates: [{ command: { resume: 1 }, as_node: "a" }] }], {}, 422, /resume/],
    [
      "values that the graph refuses",
      [...START, step("a", { messages: [{ role: "nobody" }] })],
      {},
      422,
      /supersteps/,
    ],
    ["a copy of nothing", [step("__copy__", null)], {}, 422, /supersteps/],
    ["no updates", [{ updates: [] }], {}, 422, /updates/],
    ["no graph", START, { metadata: {} }, 422, /graph_id/],
    ["a graph that is not there", START, { metadata: { graph_id: "nothing" } }, 404, /nothing/],
  ])("is not made with %s", async (_what, supersteps, body, status, message) => {
    const threadId = crypto.randomUUID();
    const response = await create(supersteps, { thread_id: threadId, ...body });
    expect(response.status).toBe(status);
    expect(((await response.json()) as { message: string }).message).toMatch(message);
    await expect(server.client.threads.get(threadId)).rejects.toMatchObject({ status: 404 });
    const { rows } = await server.db.query("select 1 from checkpoints where thread_id = $1", [threadId]);
    expect(rows).toEqual([]);
  });

  test("is made once, and with one state, however often it is asked for at the same time", async () => {
    const threadId = crypto.randomUUID();
    const body = { thread_id: threadId, if_exists: "do_nothing" };
    const responses = await Promise.all([1, 2, 3].map(() => create([...START, step("a")], body)));
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await historyOf(threadId)).toHaveLength(3);
    expect((await stateOf(threadId)).values.items).toEqual(["by hand as a"]);
  });

  test("does not take over what a server that died has left under its id", async () => {
    const threadId = await steppedThread();
    await server.db.query("delete from threads where thread_id = $1", [threadId]);
    await create(START, { thread_id: threadId });
    expect(await historyOf(threadId)).toHaveLength(2);
  });
});
