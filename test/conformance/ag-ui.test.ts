import { randomUUID } from "node:crypto";
import { type BaseEvent, EventType, type Message, type RunAgentParameters } from "@ag-ui/client";
import { LangGraphAgent } from "@ag-ui/langgraph";
import { expect, inject, test } from "vitest";
import { createGate, textsOf } from "./support/messages.ts";
import { connect } from "./support/sdks.ts";

/** A conversation as a front end leads it: it sends the messages that it shows, and shows those it gets. */
function conversation(graphId = "agent") {
  const threadId = randomUUID();
  const agent = new LangGraphAgent({ deploymentUrl: inject("conformanceServerUrl"), graphId, threadId });
  return {
    agent,
    threadId,
    texts: () => agent.messages.map(({ content }) => content),
    addUserMessage: (content: string): Message => {
      const message: Message = { id: randomUUID(), role: "user", content };
      agent.addMessage(message);
      return message;
    },
    /** Runs the agent on these messages. @returns its events, without raw ones */
    async run(parameters: RunAgentParameters = {}, onEvent: (event: BaseEvent) => void = () => undefined) {
      const events: BaseEvent[] = [];
      await agent.runAgent(parameters, {
        onEvent: ({ event }) => {
          if (event.type !== EventType.RAW) events.push(event);
          onEvent(event);
        },
      });
      return events;
    },
  };
}

const typesOf = (events: readonly BaseEvent[]) => [...new Set(events.map(({ type }) => type))];

const deltasOf = (events: readonly BaseEvent[]) =>
  events
    .filter(({ type }) => type === EventType.TEXT_MESSAGE_CONTENT)
    .map((event) => (event as BaseEvent & { delta: string }).delta);

const stateOf = async (threadId: string) => connect().threads.getState(threadId);

test("leads two turns on a thread that it makes", async () => {
  const { addUserMessage, run, texts, threadId } = conversation();
  addUserMessage("hello");
  const events = await run();
  expect(deltasOf(events)).toEqual(["You ", "said: ", "hello"]);
  expect(typesOf(events)).toEqual(
    expect.arrayContaining([
      EventType.RUN_STARTED,
      EventType.STEP_STARTED,
      EventType.TEXT_MESSAGE_START,
      EventType.TEXT_MESSAGE_END,
      EventType.STATE_SNAPSHOT,
      EventType.MESSAGES_SNAPSHOT,
      EventType.RUN_FINISHED,
    ]),
  );
  expect(texts()).toEqual(["hello", "You said: hello"]);

  addUserMessage("and again");
  await run();
  expect(texts()).toEqual(["hello", "You said: hello", "and again", "You said: and again"]);
  expect(textsOf((await stateOf(threadId)).values)).toEqual(texts());
});

test.each([
  ["the old way", () => ({ forwardedProps: { command: { resume: "yes" } } })],
  ["the new way", (id: string) => ({ resume: [{ interruptId: id, status: "resolved", payload: "yes" }] })],
] as const)("asks, and goes on with an answer given in %s", async (_, answer) => {
  const { addUserMessage, run, texts, threadId } = conversation("questions");
  addUserMessage("do it");
  const events = await run();
  expect(events.find(({ type }) => type === EventType.CUSTOM)).toMatchObject({
    name: "on_interrupt",
    value: JSON.stringify({ question: "Shall I?" }),
  });
  const [task] = (await stateOf(threadId)).tasks;
  await run(answer(task?.interrupts[0]?.id ?? "") as RunAgentParameters);
  expect(texts()).toEqual(["do it", 'You answered: "yes"']);
  expect((await stateOf(threadId)).next).toEqual([]);
});

test("answers again from an earlier message", async () => {
  const { agent, addUserMessage, run, threadId } = conversation();
  addUserMessage("first");
  await run();
  const second = addUserMessage("second");
  await run();
  const [first, answer] = agent.messages;
  if (first === undefined || answer === undefined) throw new Error("the first turn is not there");
  // The agent sees that it is to answer again by an id that the thread does not have.
  agent.setMessages([first, { ...answer, id: "local" }, { ...second, content: "second, edited" } as Message]);
  await run();
  const { values } = await stateOf(threadId);
  expect(textsOf(values)).toEqual(["first", "You said: first", "second, edited", "You said: second, edited"]);
});

test("stops its run", async () => {
  const gate = createGate();
  const { agent, addUserMessage, run, threadId } = conversation();
  addUserMessage(gate.words);
  const stopped = run({}, ({ type }) => {
    if (type === EventType.TEXT_MESSAGE_CONTENT) agent.abortRun();
  });
  // The agent's own rule that a message must have ended is broken by stopping in the middle of it.
  await expect(stopped).rejects.toThrow("text messages are still active");
  const [run_] = await connect().runs.list(threadId);
  await connect().runs.join(threadId, run_?.run_id ?? "");
  expect(await connect().runs.list(threadId)).toMatchObject([{ status: "interrupted" }]);
});

test("reports a run that fails", async () => {
  const { addUserMessage, run } = conversation("failing");
  addUserMessage("hello");
  const errors: BaseEvent[] = [];
  const failed = run({}, (event) => {
    if (event.type === EventType.RUN_ERROR) errors.push(event);
  });
  // It goes on with a step that ends, which its own rules forbid after an error.
  await expect(failed).rejects.toThrow("already errored");
  expect(errors).toMatchObject([{ message: "the graph failed" }]);
});
