import "./support/browser.ts";
import type { Message } from "@langchain/langgraph-sdk";
import { type UseStreamOptions, useStream } from "@langchain/langgraph-sdk/react";
import { renderHook } from "@testing-library/react";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import { createGate, human, input, newThread, textsOf } from "./support/messages.ts";
import { recordedFetch } from "./support/recorded-fetch.ts";
import { connect } from "./support/sdks.ts";

interface State extends Record<string, unknown> {
  readonly messages: Message[];
}

type Options = Partial<UseStreamOptions<State>>;

/** A component that uses the hook, mounted until the test ends or unmounts it. */
function mount(options: Options = {}) {
  const { fetch, bodiesOf } = recordedFetch();
  const hook = renderHook(() =>
    useStream<State>({
      assistantId: "agent",
      apiUrl: inject("conformanceServerUrl"),
      callerOptions: { fetch, maxRetries: 0 },
      ...options,
    } as UseStreamOptions<State>),
  );
  onTestFinished(() => hook.unmount());
  return {
    ...hook,
    bodiesOf,
    get stream() {
      return hook.result.current;
    },
    texts: () => textsOf({ messages: hook.result.current.messages }),
    /** Waits until the page shows these texts. */
    shows: (...texts: readonly string[]) =>
      eventually(() => expect(textsOf({ messages: hook.result.current.messages })).toEqual(texts)),
    submit: (...args: Parameters<typeof hook.result.current.submit>) => hook.result.current.submit(...args),
  };
}

/** React shows a change a moment after it was made. */
const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 });

/** The one run of a thread, once it has ended. */
async function endedRun(threadId: string) {
  const [run] = await connect().runs.list(threadId);
  if (run === undefined) throw new Error("the thread has no run");
  await connect().runs.join(threadId, run.run_id);
  return connect().runs.get(threadId, run.run_id);
}

test("submits on a thread that it makes, and shows the answer", async () => {
  const threads: string[] = [];
  const created: unknown[] = [];
  const page = mount({ onThreadId: (id) => threads.push(id), onCreated: (run) => created.push(run) });
  expect(page.texts()).toEqual([]);
  await page.submit(input("hello"));

  await page.shows("hello", "You said: hello");
  expect(page.stream.isLoading).toBe(false);
  expect(page.stream.error).toBeUndefined();
  const [threadId = ""] = threads;
  const [run] = await connect().runs.list(threadId);
  expect(created).toEqual([{ thread_id: threadId, run_id: run?.run_id }]);
  expect(page.bodiesOf("POST", /\/runs\/stream$/)).toMatchObject([
    { stream_mode: ["messages-tuple", "values"], on_disconnect: "cancel", stream_resumable: false },
  ]);
});

test("shows the answer as it grows", async () => {
  const gate = createGate();
  const page = mount();
  expect(page.texts()).toEqual([]);
  const submitted = page.submit(input(gate.words));
  await page.shows(gate.words, "You said: before ");
  expect(page.stream.isLoading).toBe(true);
  await gate.open();
  await submitted;
  await page.shows(gate.words, `You said: ${gate.words}`);
});

test("is served when it asks for no mode, as components do that have not read anything yet", async () => {
  const page = mount();
  await page.submit(input("hello"));
  expect(page.bodiesOf("POST", /\/runs\/stream$/)).toMatchObject([{ stream_mode: [] }]);
  await page.shows("hello", "You said: hello");
});

test("passes on what the graph reports about itself", async () => {
  const reported: unknown[] = [];
  const updated: unknown[] = [];
  const page = mount({
    onCustomEvent: (data) => reported.push(data),
    onUpdateEvent: (data) => updated.push(data),
  });
  await page.submit(input("hello"));
  expect(reported).toEqual([{ progress: "thinking" }]);
  expect(updated).toMatchObject([{ model: { messages: [{ content: "You said: hello" }] } }]);
});

test("shows a thread that is there already", async () => {
  const threadId = await newThread(connect());
  await connect().runs.wait(threadId, "agent", { input: input("earlier") });
  for (const fetchStateHistory of [true, false]) {
    const page = mount({ threadId, fetchStateHistory });
    await page.shows("earlier", "You said: earlier");
    expect(page.stream.isThreadLoading).toBe(false);
  }
});

test("that is stopped drops the connection, and the server stops the run", async () => {
  const gate = createGate();
  const threadId = await newThread(connect());
  const page = mount({ threadId });
  expect(page.texts()).toEqual([]);
  void page.submit(input(gate.words));
  await eventually(() => expect(page.texts()).toContain("You said: before "));
  await page.stream.stop();
  expect(page.bodiesOf("POST", /\/cancel/)).toEqual([]);
  expect(await endedRun(threadId)).toMatchObject({ status: "interrupted" });
  await eventually(() => expect(page.stream.isLoading).toBe(false));
  expect((await connect().threads.get(threadId)).status).toBe("idle");
});

test("that is stopped and could be rejoined cancels the run", async () => {
  const gate = createGate();
  const threadId = await newThread(connect());
  const page = mount({ threadId, reconnectOnMount: true });
  expect(page.texts()).toEqual([]);
  void page.submit(input(gate.words));
  await eventually(() => expect(page.texts()).toContain("You said: before "));
  await page.stream.stop();
  await eventually(() => expect(page.bodiesOf("POST", /\/cancel\?wait=0&action=interrupt$/)).toHaveLength(1));
  expect(await endedRun(threadId)).toMatchObject({ status: "interrupted" });
});

test("rejoins a run after the page was left", async () => {
  const gate = createGate();
  const threadId = await newThread(connect());
  const before = mount({ threadId, reconnectOnMount: true });
  expect(before.texts()).toEqual([]);
  void before.submit(input(gate.words));
  await eventually(() => expect(before.texts()).toContain("You said: before "));
  expect(before.bodiesOf("POST", /\/runs\/stream$/)).toMatchObject([
    { on_disconnect: "continue", stream_resumable: true },
  ]);
  before.unmount();

  const after = mount({ threadId, reconnectOnMount: true });
  await eventually(() => expect(after.texts()).toContain("You said: before "));
  expect(after.stream.isLoading).toBe(true);
  await gate.open();
  await after.shows(gate.words, `You said: ${gate.words}`);
  await eventually(() => expect(after.stream.isLoading).toBe(false));
  expect(await endedRun(threadId)).toMatchObject({ status: "success" });
});

test("joins a run that somebody else has started", async () => {
  const gate = createGate();
  const threadId = await newThread(connect());
  const { run_id } = await connect().runs.create(threadId, "agent", {
    input: input(gate.words),
    streamMode: ["values", "messages-tuple"],
  });
  const page = mount({ threadId });
  expect(page.texts()).toEqual([]);
  const joined = page.stream.joinStream(run_id);
  await gate.open();
  await joined;
  await page.shows(gate.words, `You said: ${gate.words}`);
});

test.each([true, false])("shows a question and sends the answer (history: %s)", async (fetchStateHistory) => {
  const threadId = await newThread(connect());
  const page = mount({ threadId, assistantId: "questions", fetchStateHistory });
  await page.submit(input("do it"));
  await eventually(() => expect(page.stream.interrupt).toMatchObject({ value: { question: "Shall I?" } }));

  const reloaded = mount({ threadId, assistantId: "questions", fetchStateHistory });
  await eventually(() =>
    expect(reloaded.stream.interrupt).toMatchObject({ value: { question: "Shall I?" } }),
  );
  await reloaded.submit(undefined, { command: { resume: "yes" } });
  await reloaded.shows("do it", 'You answered: "yes"');
  await eventually(() => expect(reloaded.stream.interrupt).toBeUndefined());
});

test("branches off where a message is edited, and goes back to the first branch", async () => {
  const threadId = await newThread(connect());
  const page = mount({ threadId, fetchStateHistory: true });
  await page.submit(input("first"));
  await eventually(() => expect(page.stream.history.length).toBeGreaterThan(1));

  const metadataOf = (index: number) => {
    const message = page.stream.messages[index];
    if (message === undefined) throw new Error(`there is no message ${index}`);
    return page.stream.getMessagesMetadata(message, index);
  };
  const checkpoint = metadataOf(0)?.firstSeenState?.parent_checkpoint;
  await page.submit({ messages: [human("edited")] }, { ...(checkpoint && { checkpoint }) });
  expect(page.bodiesOf("POST", /\/runs\/stream$/).at(-1)).toMatchObject({
    checkpoint: { checkpoint_id: checkpoint?.checkpoint_id },
  });
  await page.shows("edited", "You said: edited");

  await eventually(() => expect(metadataOf(0)?.branchOptions).toHaveLength(2));
  const [firstBranch = ""] = metadataOf(0)?.branchOptions ?? [];
  page.stream.setBranch(firstBranch);
  await page.shows("first", "You said: first");
});

test("shows the error of a run, also after the page was loaded again", async () => {
  const errors: unknown[] = [];
  const threadId = await newThread(connect());
  const page = mount({ threadId, assistantId: "failing", onError: (error) => errors.push(error) });
  await page.submit(input("hello"));
  await eventually(() =>
    expect(page.stream.error).toMatchObject({ name: "TypeError", message: "the graph failed" }),
  );
  expect(errors).toHaveLength(1);

  const reloaded = mount({ threadId, assistantId: "failing", fetchStateHistory: true });
  await eventually(() => expect(String(reloaded.stream.error)).toContain("the graph failed"));
});

test("replaces a run by another one", async () => {
  const gate = createGate();
  const threadId = await newThread(connect());
  const page = mount({ threadId });
  expect(page.texts()).toEqual([]);
  void page.submit(input(gate.words));
  await eventually(() => expect(page.texts()).toContain("You said: before "));
  await page.submit(input("never mind"), { multitaskStrategy: "interrupt" });
  await page.shows(gate.words, "never mind", "You said: never mind");
  const runs = await connect().runs.list(threadId);
  expect(runs.map(({ status }) => status)).toEqual(["success", "interrupted"]);
});
