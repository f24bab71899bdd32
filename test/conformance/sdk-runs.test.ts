import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { createGate, input, newThread, stateOf, textsOf } from "./support/messages.ts";
import { SDKS } from "./support/sdks.ts";

/** What the protocol and the Python SDK call it; the types here have words that no server knows. */
const onCompletion = "keep" as "continue";

describe.each(SDKS)("runs with $name", ({ connect, lacks }) => {
  const client = connect;

  /** A run that waits at a gate, which nobody opens unless told. */
  async function waitingRun() {
    const gate = createGate();
    const threadId = await newThread(client());
    const run = await client().runs.create(threadId, "agent", { input: input(gate.words) });
    return { ...gate, threadId, runId: run.run_id };
  }
  const statusOf = async (threadId: string, runId: string) =>
    (await client().runs.get(threadId, runId)).status;

  test("are created, found, joined and deleted", async () => {
    const threadId = await newThread(client());
    const run = await client().runs.create(threadId, "agent", {
      input: input("hello"),
      metadata: { purpose: "test" },
      config: { configurable: { flavour: "plain" }, tags: ["one"], recursion_limit: 10 },
      durability: "sync",
    });
    expect(run).toMatchObject({
      thread_id: threadId,
      metadata: { purpose: "test" },
      status: expect.any(String),
    });
    expect(textsOf(await client().runs.join(threadId, run.run_id))).toEqual(["hello", "You said: hello"]);
    const got = await client().runs.get(threadId, run.run_id);
    expect(got).toMatchObject({ run_id: run.run_id, status: "success", multitask_strategy: "enqueue" });

    await client().runs.delete(threadId, run.run_id);
    await expect(client().runs.get(threadId, run.run_id)).rejects.toMatchObject({ status: 404 });
  });

  test("are listed, newest first, by status and in parts", async () => {
    const threadId = await newThread(client());
    const ids: string[] = [];
    for (const word of ["one", "two", "three"]) {
      const { run_id } = await client().runs.create(threadId, "agent", { input: input(word) });
      await client().runs.join(threadId, run_id);
      ids.unshift(run_id);
    }
    const list = async (options: object) =>
      (await client().runs.list(threadId, options)).map(({ run_id }) => run_id);
    expect(await list({})).toEqual(ids);
    expect(await list({ limit: 2, offset: 1 })).toEqual(ids.slice(1));
    expect(await list({ status: "success", limit: 1 })).toEqual(ids.slice(0, 1));
    expect(await list({ status: "error" })).toEqual([]);
    expect(await client().runs.list(threadId, { select: ["status"], limit: 1 })).toEqual([
      { status: "success" },
    ]);
  });

  test("are waited for", async () => {
    const threadId = await newThread(client());
    const created: unknown[] = [];
    const values = await client().runs.wait(threadId, "agent", {
      input: input("hello"),
      onRunCreated: (run) => created.push(run),
    });
    expect(textsOf(values)).toEqual(["hello", "You said: hello"]);
    const [run] = await client().runs.list(threadId);
    expect(created).toEqual([{ thread_id: threadId, run_id: run?.run_id }]);
  });

  test("need no thread", async () => {
    expect(textsOf(await client().runs.wait(null, "agent", { input: input("hello") }))).toHaveLength(2);
    const created: { run_id: string; thread_id?: string | undefined }[] = [];
    const parts = await Array.fromAsync(
      client().runs.stream(null, "agent", {
        input: input("hello"),
        streamMode: "values",
        onRunCreated: (run) => created.push(run),
      }),
    );
    expect(textsOf(parts.findLast(({ event }) => event === "values")?.data)).toHaveLength(2);
    expect(created).toEqual([{ run_id: expect.any(String), thread_id: undefined }]);
  });

  test("without a thread can be followed by their id alone", async () => {
    const gate = createGate();
    const { run_id } = await client().runs.create(null, "agent", { input: input(gate.words) });
    const stream = client().runs.joinStream(null, run_id, { streamMode: "values" });
    await gate.open();
    const parts = await Array.fromAsync(stream);
    expect(textsOf(parts.findLast(({ event }) => event === "values")?.data)).toHaveLength(2);
  });

  test.skipIf(lacks.includes("runs.create onCompletion"))(
    "without a thread keep theirs if asked to",
    async () => {
      const { thread_id, run_id } = await client().runs.create(null, "agent", {
        input: input("hello"),
        onCompletion,
      });
      await client().runs.join(thread_id, run_id);
      expect(textsOf((await stateOf(client(), thread_id)).values)).toHaveLength(2);
    },
  );

  test("are created many at once", async () => {
    const runs = await client().runs.createBatch([
      { assistantId: "agent", input: input("one"), onCompletion, streamMode: ["values"] },
      { assistantId: "agent", input: input("two"), onCompletion, metadata: { a: 1 } },
    ]);
    expect(runs).toHaveLength(2);
    const [, second] = runs;
    if (second === undefined) throw new Error("there is no second run");
    expect(second.metadata).toMatchObject({ a: 1 });
    await client().runs.join(second.thread_id, second.run_id);
    expect(textsOf((await stateOf(client(), second.thread_id)).values)).toEqual(["two", "You said: two"]);
  });

  test("are cancelled, with and without waiting for it", async () => {
    const first = await waitingRun();
    await client().runs.cancel(first.threadId, first.runId, true);
    expect(await statusOf(first.threadId, first.runId)).toBe("interrupted");

    const second = await waitingRun();
    await client().runs.cancel(second.threadId, second.runId);
    await client().runs.join(second.threadId, second.runId);
    expect(await statusOf(second.threadId, second.runId)).toBe("interrupted");
    expect((await client().threads.get(second.threadId)).status).toBe("idle");
  });

  test("that are rolled back leave nothing", async () => {
    const { threadId, runId } = await waitingRun();
    await client().runs.cancel(threadId, runId, true, "rollback");
    await expect(client().runs.get(threadId, runId)).rejects.toMatchObject({ status: 404 });
    expect((await stateOf(client(), threadId)).values).toEqual({});
  });

  test.skipIf(lacks.includes("runs.cancel reason"))("say why they were cancelled", async () => {
    const { threadId, runId } = await waitingRun();
    await client().runs.cancel(threadId, runId, true, "interrupt", { reason: "taken" });
    expect(await client().runs.get(threadId, runId)).toMatchObject({
      cancel_reason: expect.stringMatching(/^taken/),
    });
  });

  test.skipIf(lacks.includes("runs.cancelMany"))("are cancelled many at once", async () => {
    const { threadId, runId } = await waitingRun();
    const next = await client().runs.create(threadId, "agent", { input: input("next") });
    await client().runs.cancelMany({ threadId, runIds: [runId, next.run_id], action: "interrupt" });
    for (const id of [runId, next.run_id]) {
      await client().runs.join(threadId, id);
      expect(await statusOf(threadId, id)).toBe("interrupted");
    }
  });

  test("wait for each other, stand aside, or take over, as they are told", async () => {
    const { threadId, runId, open } = await waitingRun();
    const another = (multitaskStrategy: "reject" | "enqueue" | "interrupt") =>
      client().runs.create(threadId, "agent", { input: input("next"), multitaskStrategy });
    await expect(another("reject")).rejects.toMatchObject({ status: 409 });

    const takes = await another("interrupt");
    await client().runs.join(threadId, takes.run_id);
    expect(await statusOf(threadId, runId)).toBe("interrupted");
    await open();
    const [one, two] = [await another("enqueue"), await another("enqueue")];
    await client().runs.join(threadId, two.run_id);
    expect(await statusOf(threadId, one.run_id)).toBe("success");
  });

  test("ask, and go on with the answer", async () => {
    const threadId = await newThread(client());
    const asked = await client().runs.wait(threadId, "questions", { input: input("do it") });
    expect(asked).toMatchObject({
      __interrupt__: [{ id: expect.any(String), value: { question: "Shall I?" } }],
    });
    const thread = await client().threads.get(threadId);
    expect(thread.status).toBe("interrupted");
    expect(Object.values(thread.interrupts).flat()).toMatchObject([{ value: { question: "Shall I?" } }]);

    const values = await client().runs.wait(threadId, "questions", { command: { resume: { yes: true } } });
    expect(textsOf(values)).toEqual(["do it", 'You answered: {"yes":true}']);
    expect((await client().threads.get(threadId)).status).toBe("idle");
  });

  test.skipIf(lacks.includes("runs.create strictResume"))(
    "refuse an answer to another question than the one that is open, if that is asked for",
    async () => {
      const threadId = await newThread(client());
      await client().runs.wait(threadId, "questions", { input: input("do it") });
      const stale = {
        command: { resume: { [randomUUID().replaceAll("-", "")]: "yes" } },
        strictResume: true,
      };
      await expect(client().runs.wait(threadId, "questions", stale)).rejects.toThrow();
      expect((await client().threads.get(threadId)).status).toBe("interrupted");
      const values = await client().runs.wait(threadId, "questions", { command: { resume: "yes" } });
      expect(textsOf(values)).toEqual(["do it", 'You answered: "yes"']);
    },
  );

  test("fork from a checkpoint", async () => {
    const threadId = await newThread(client());
    await client().runs.wait(threadId, "agent", { input: input("one") });
    const { checkpoint } = await stateOf(client(), threadId);
    await client().runs.wait(threadId, "agent", { input: input("two") });
    const values = await client().runs.wait(threadId, "agent", { input: input("three"), checkpoint });
    expect(textsOf(values)).toEqual(["one", "You said: one", "three", "You said: three"]);
  });

  test("that fail throw, or show their error if that is asked for", async () => {
    const threadId = await newThread(client());
    const run = () => client().runs.wait(threadId, "failing", { input: input("hello") });
    await expect(run()).rejects.toThrow("TypeError: the graph failed");
    const shown = await client().runs.wait(threadId, "failing", { input: null, raiseError: false });
    expect(shown).toEqual({ __error__: { error: "TypeError", message: "the graph failed" } });
    expect((await client().threads.get(threadId)).status).toBe("error");
  });
});
