import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, post, streamFrames } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    twice: "questions.ts:twice",
    together: "questions.ts:together",
    mounted: "nested.ts:mounted",
    steps: "steps.ts:graph",
  },
});

const NEVER_ASKED = "0".repeat(32);

/** A thread whose graph waits for answers, and the ids of its questions. */
async function askedThread(graph: "twice" | "together" | "mounted") {
  const { thread_id } = await server.client.threads.create();
  await server.client.runs.wait(thread_id, graph, { input: { order: "ask" } });
  const { interrupts } = await server.client.threads.get(thread_id);
  const ids = Object.values(interrupts)
    .flat()
    .map(({ id }) => id ?? "");
  return { thread_id, ids: ids.toSorted() };
}

/** Everything a thread shows that a run could have changed. */
async function lookAt(threadId: string) {
  const { status, values, interrupts } = await server.client.threads.get(threadId);
  const history = await server.client.threads.getHistory(threadId, { limit: 100 });
  return { status, values, interrupts, checkpoints: history.map(({ checkpoint }) => checkpoint) };
}

const answer = (threadId: string, graph: string, resume: unknown, strict_resume = true) =>
  post(`${server.url}/threads/${threadId}/runs/wait`, {
    assistant_id: graph,
    command: { resume },
    strict_resume,
  }).then((response) => response.json() as Promise<Record<string, unknown>>);

describe("a strict resume is refused, and leaves the thread as it was", () => {
  test.each<[string, "twice" | "together", (ids: string[]) => unknown, object]>([
    [
      "when it answers what nobody asked",
      "twice",
      () => ({ [NEVER_ASKED]: "Ada" }),
      { reason: "not_pending", interrupt_ids: [NEVER_ASKED] },
    ],
    [
      "when one of its answers is for nobody",
      "together",
      ([left = ""]) => ({ [left]: "1", [NEVER_ASKED]: "2" }),
      { reason: "not_pending", interrupt_ids: [NEVER_ASKED] },
    ],
    ["when it has no answers", "twice", () => ({}), { reason: "empty_map", interrupt_ids: [] }],
    [
      "when it does not say which of several questions it answers",
      "together",
      () => "1",
      { reason: "ambiguous", interrupt_ids: [] },
    ],
  ])("%s", async (_, graph, toResume, refusal) => {
    const { thread_id, ids } = await askedThread(graph);
    const before = await lookAt(thread_id);
    expect(await answer(thread_id, graph, toResume(ids))).toEqual({
      __error__: {
        error: "UnknownInterruptError",
        message: expect.any(String),
        pending_ids: ids,
        ...refusal,
      },
    });
    expect(await lookAt(thread_id)).toEqual(before);
    expect((await server.client.runs.list(thread_id)).map(({ status }) => status)).toEqual([
      "error",
      "interrupted",
    ]);
  });

  test("when the question has been answered meanwhile, by its id or not", async () => {
    const { thread_id, ids } = await askedThread("mounted");
    const [id = ""] = ids;
    expect(await answer(thread_id, "mounted", { [id]: "yes" })).toMatchObject({
      items: ["outer", "outer", "inner yes"],
    });
    const before = await lookAt(thread_id);
    for (const resume of [{ [id]: "no" }, "no"]) {
      expect(await answer(thread_id, "mounted", resume)).toMatchObject({
        __error__: { error: "UnknownInterruptError", reason: "not_pending", pending_ids: [] },
      });
    }
    expect(await lookAt(thread_id)).toEqual(before);
    expect(before.status).toBe("idle");
  });

  test("when an earlier run answers it first, although it was open when both were created", async () => {
    const { thread_id, ids } = await askedThread("mounted");
    const [id = ""] = ids;
    const answers = ["first", "second"].map((text) => answer(thread_id, "mounted", { [id]: text }));
    const bodies = await Promise.all(answers);
    expect(bodies.filter((body) => "__error__" in body)).toMatchObject([
      { __error__: { reason: "not_pending", interrupt_ids: [id] } },
    ]);
    const { values } = await server.client.threads.get(thread_id);
    expect((values as { items: string[] }).items).toHaveLength(3);
  });

  test("as the last event of its stream, and at a thread of its own, which has no questions", async () => {
    const { thread_id } = await askedThread("twice");
    const request = { command: { resume: { [NEVER_ASKED]: 1 } }, strict_resume: true };
    for (const place of [`/threads/${thread_id}`, ""]) {
      const frames = await streamFrames(`${server.url}${place}/runs/stream`, {
        assistant_id: "twice",
        ...request,
      });
      expect(frames.map(({ event }) => event)).toEqual(["metadata", "error"]);
      expect(dataOf(frames, "error")).toMatchObject([{ error: "UnknownInterruptError" }]);
    }
  });
});

describe("a strict resume goes through", () => {
  test.each<[string, "twice" | "together" | "mounted", (ids: string[]) => unknown, unknown]>([
    [
      "by the id of the one question",
      "mounted",
      ([id = ""]) => ({ [id]: "yes" }),
      ["outer", "outer", "inner yes"],
    ],
    ["without an id when there is one question", "mounted", () => "yes", ["outer", "outer", "inner yes"]],
    [
      "by the ids of several questions",
      "together",
      (ids) => Object.fromEntries(ids.map((id) => [id, "x"])),
      ["left x", "right x"],
    ],
  ])("%s", async (_, graph, toResume, items) => {
    const { thread_id, ids } = await askedThread(graph);
    expect(await answer(thread_id, graph, toResume(ids))).toMatchObject({ items });
  });

  test("with any answer at a breakpoint, where nothing is asked", async () => {
    const { thread_id } = await server.client.threads.create();
    await server.client.runs.wait(thread_id, "steps", { input: {}, interruptBefore: ["b"] });
    expect(await answer(thread_id, "steps", true)).toMatchObject({ items: ["a", "b", "c"] });
  });
});

test("without strict_resume an answer to nothing is dropped, as LangGraph does", async () => {
  const { thread_id, ids } = await askedThread("mounted");
  await answer(thread_id, "mounted", { [ids[0] ?? ""]: "yes" });
  expect(await answer(thread_id, "mounted", { [ids[0] ?? ""]: "no" }, false)).not.toHaveProperty("__error__");
});

test("strict_resume means nothing for a run that answers nothing", async () => {
  const { thread_id } = await server.client.threads.create();
  const payload = { input: {}, strictResume: true };
  expect(await server.client.runs.wait(thread_id, "steps", payload)).toMatchObject({
    items: ["a", "b", "c"],
  });
});
