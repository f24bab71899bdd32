import {
  appendLangChainChunk,
  type LangChainMessage,
  LangGraphMessageAccumulator,
  type LangGraphMessagesEvent,
  type LangGraphSendMessageConfig,
  unstable_createLangGraphStream,
} from "@assistant-ui/react-langgraph";
import { expect, onTestFinished, test } from "vitest";
import { createGate, human, newThread, stateOf, textsOf } from "./support/messages.ts";
import { connect } from "./support/sdks.ts";

/** A chat on a thread, with the helper's own way to put a stream together. */
async function openChat(assistantId = "agent") {
  const client = connect();
  const threadId = await newThread(client);
  const stream = unstable_createLangGraphStream({ client, assistantId });
  const left = new AbortController();
  onTestFinished(() => left.abort());
  const messages = new LangGraphMessageAccumulator<LangChainMessage>({ appendMessage: appendLangChainChunk });

  async function* send(texts: readonly string[], config: LangGraphSendMessageConfig = {}) {
    const sent = texts.map((content) => ({ ...human(content), id: crypto.randomUUID() }));
    messages.addMessages(sent);
    const initialize = async () => ({ remoteId: threadId, externalId: threadId });
    const events = await stream(sent, { ...config, abortSignal: left.signal, initialize });
    for await (const event of events as AsyncIterable<LangGraphMessagesEvent<LangChainMessage>>) {
      if (/^messages\/(partial|complete)$/.test(event.event)) messages.addMessages(event.data);
      yield event;
    }
  }
  const shown = () => textsOf({ messages: messages.getMessages() });
  return { client, threadId, send, shown, leave: () => left.abort() };
}

test("shows two turns of a conversation", async () => {
  const { send, shown, client, threadId } = await openChat();
  const events = await Array.fromAsync(send(["hello"]));
  expect(events.map(({ event }) => event)).toEqual(
    expect.arrayContaining(["metadata", "messages/partial", "updates", "custom"]),
  );
  expect(shown()).toEqual(["hello", "You said: hello"]);
  await Array.fromAsync(send(["again"]));
  expect(shown()).toEqual(["hello", "You said: hello", "again", "You said: again"]);
  expect(textsOf((await stateOf(client, threadId)).values)).toEqual(shown());
});

test("asks, and goes on with the answer", async () => {
  const { send, client, threadId } = await openChat("questions");
  const events = await Array.fromAsync(send(["do it"]));
  expect(events.findLast(({ event }) => event === "updates")?.data).toMatchObject({
    __interrupt__: [{ value: { question: "Shall I?" } }],
  });
  await Array.fromAsync(send([], { command: { resume: "yes" } }));
  expect(textsOf((await stateOf(client, threadId)).values)).toEqual(["do it", 'You answered: "yes"']);
});

test("answers again from an earlier checkpoint", async () => {
  const { send, client, threadId } = await openChat();
  await Array.fromAsync(send(["first"]));
  const history = await client.threads.getHistory(threadId);
  const begin = history.at(-1)?.checkpoint.checkpoint_id ?? "";
  await Array.fromAsync(send(["edited"], { checkpointId: begin }));
  const { values } = await stateOf(client, threadId);
  expect(textsOf(values).at(-1)).toBe("You said: edited");
});

test("stops its run when it is left", async () => {
  const gate = createGate();
  const { send, client, threadId, leave } = await openChat();
  for await (const { event } of send([gate.words])) if (event === "messages/partial") leave();
  const [run] = await client.runs.list(threadId);
  await client.runs.join(threadId, run?.run_id ?? "");
  expect(await client.runs.list(threadId)).toMatchObject([{ status: "interrupted" }]);
});
