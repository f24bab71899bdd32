import { randomUUID } from "node:crypto";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import {
  Command,
  type GraphInterrupt,
  isGraphInterrupt,
  MemorySaver,
  MessagesAnnotation,
  StateGraph,
} from "@langchain/langgraph";
import { RemoteGraph } from "@langchain/langgraph/remote";
import { expect, inject, test } from "vitest";
import { input, textsOf } from "./support/messages.ts";
import { connect } from "./support/sdks.ts";

const remote = (graphId: string) => new RemoteGraph({ graphId, url: inject("conformanceServerUrl") });

/** A thread that does not exist yet: RemoteGraph leaves it to the server to make it. */
const onNewThread = () => ({ configurable: { thread_id: randomUUID() } });

const collect = async <T>(stream: Promise<AsyncIterable<T>>): Promise<T[]> => Array.fromAsync(await stream);

/** What a run throws that is interrupted. */
async function interruptOf(run: Promise<unknown>): Promise<GraphInterrupt> {
  const thrown = await run.then(
    () => null,
    (error: unknown) => error,
  );
  if (!isGraphInterrupt(thrown)) throw new Error(`not an interrupt: ${String(thrown)}`);
  return thrown;
}

/** RemoteGraph throws at the first sign of an interrupt, when the run has not ended yet. */
async function ended(threadId: string): Promise<void> {
  for (const { run_id } of await connect().runs.list(threadId)) await connect().runs.join(threadId, run_id);
}

test("is invoked like a graph, with and without a thread", async () => {
  expect(textsOf(await remote("agent").invoke(input("hello")))).toEqual(["hello", "You said: hello"]);

  const config = onNewThread();
  await remote("agent").invoke({ messages: [new HumanMessage("first")] }, config);
  const values = await remote("agent").invoke({ messages: [new HumanMessage("second")] }, config);
  expect(textsOf(values)).toEqual(["first", "You said: first", "second", "You said: second"]);
  expect(await connect().threads.get(config.configurable.thread_id)).toMatchObject({ status: "idle" });
});

test("streams values and updates", async () => {
  const values = await collect(remote("agent").stream(input("hello"), { streamMode: "values" }));
  expect(values.map((each) => textsOf(each).length)).toEqual([1, 2]);
  const updates = await collect(
    remote("agent").stream(input("hello"), { streamMode: ["updates", "custom"] }),
  );
  expect(updates).toMatchObject([
    ["custom", { progress: "thinking" }],
    ["updates", { model: { messages: [{ content: "You said: hello" }] } }],
  ]);
});

test("streams messages", async () => {
  const messages = await collect(remote("agent").stream(input("hello"), { streamMode: "messages" }));
  expect(messages).toMatchObject([
    [{ content: "You " }, { langgraph_node: "model" }],
    [{ content: "said: " }, {}],
    [{ content: "hello" }, {}],
  ]);
});

test("streams what its subgraphs do", async () => {
  const stream = remote("nested").stream(input("hello"), { streamMode: "updates", subgraphs: true });
  const namespaces = (await collect(stream)).map(([namespace]) => namespace);
  expect(namespaces).toEqual([[], [expect.stringMatching(/^child:/)], []]);
});

test("reads and writes the state of a thread", async () => {
  const config = onNewThread();
  await remote("agent").invoke(input("hello"), config);
  const state = await remote("agent").getState(config);
  expect(textsOf(state.values)).toEqual(["hello", "You said: hello"]);
  expect(state).toMatchObject({
    next: [],
    config: { configurable: { thread_id: config.configurable.thread_id } },
  });

  const updated = await remote("agent").updateState(config, { messages: [new AIMessage("edited")] }, "model");
  const atUpdate = await remote("agent").getState(updated);
  expect(textsOf(atUpdate.values)).toEqual(["hello", "You said: hello", "edited"]);

  const earlier = await remote("agent").getState(state.parentConfig ?? config);
  expect(earlier).toMatchObject({ next: ["model"], values: { messages: [{ content: "hello" }] } });
});

test("reads the history of a thread", async () => {
  const config = onNewThread();
  await remote("agent").invoke(input("hello"), config);
  const history = await Array.fromAsync(remote("agent").getStateHistory(config));
  expect(history.map(({ next }) => next)).toEqual([[], ["model"], ["__start__"]]);
  const before = history[0]?.config;
  const older = await Array.fromAsync(
    remote("agent").getStateHistory(config, { limit: 1, ...(before && { before }) }),
  );
  expect(older.map(({ next }) => next)).toEqual([["model"]]);
  const inputs = await Array.fromAsync(
    remote("agent").getStateHistory(config, { filter: { source: "input" } }),
  );
  expect(inputs.map(({ next }) => next)).toEqual([["__start__"]]);
});

test("is drawn, with its subgraphs if that is asked for", async () => {
  const graph = await remote("nested").getGraphAsync();
  expect(Object.keys(graph.nodes)).toEqual(["__start__", "before", "child", "__end__"]);
  expect(graph.drawMermaid()).toContain("before --> child");
  const deep = await remote("nested-questions").getGraphAsync({ xray: true });
  expect(Object.keys(deep.nodes)).toEqual(["__start__", "child:ask", "child:done", "__end__"]);
});

test("names its subgraphs", async () => {
  const subgraphs = await Array.fromAsync(remote("nested").getSubgraphsAsync());
  expect(subgraphs.map(([name]) => name)).toEqual(["child"]);
});

test("throws when its graph asks, and goes on with the answer", async () => {
  const config = onNewThread();
  const asked = await interruptOf(remote("questions").invoke(input("do it"), config));
  expect(asked.interrupts).toMatchObject([{ id: expect.any(String), value: { question: "Shall I?" } }]);
  await ended(config.configurable.thread_id);
  const state = await remote("questions").getState(config);
  expect(state.tasks).toMatchObject([{ name: "ask", interrupts: [{ value: { question: "Shall I?" } }] }]);

  const values = await remote("questions").invoke(new Command({ resume: "yes" }), config);
  expect(textsOf(values)).toEqual(["do it", 'You answered: "yes"']);
});

test("stops before a node", async () => {
  const config = onNewThread();
  const stopped = remote("nested").invoke(input("hello"), { ...config, interruptBefore: ["child"] });
  // What RemoteGraph makes of a breakpoint: an interrupt that asks nothing.
  expect((await interruptOf(stopped)).interrupts).toEqual([]);
  await ended(config.configurable.thread_id);
  expect((await remote("nested").getState(config)).next).toEqual(["child"]);
  expect(textsOf(await remote("nested").invoke(null, config))).toEqual(["hello", "You said: hello"]);
});

test("throws when its graph fails", async () => {
  await expect(remote("failing").invoke(input("hello"))).rejects.toThrow("the graph failed");
});

const parentOf = (graphId: string) =>
  new StateGraph(MessagesAnnotation)
    .addNode("remote", remote(graphId))
    .addEdge("__start__", "remote")
    .addEdge("remote", "__end__");

test("is a node of another graph, whose streams show its own", async () => {
  const parent = parentOf("agent").compile();
  expect(textsOf(await parent.invoke(input("hello")))).toEqual(["hello", "You said: hello"]);

  const stream = await parent.stream(input("hello"), { streamMode: "custom", subgraphs: true });
  expect(await Array.fromAsync(stream)).toMatchObject([[[expect.any(String)], { progress: "thinking" }]]);

  const events = await Array.fromAsync(parent.streamEvents(input("hello"), { version: "v2" }));
  const end = events.findLast(({ event, name }) => event === "on_chain_end" && name === "LangGraph");
  expect(textsOf(end?.data.output)).toEqual(["hello", "You said: hello"]);
});

test("interrupts the graph whose node it is", async () => {
  const parent = parentOf("questions").compile({ checkpointer: new MemorySaver() });
  const config = onNewThread();
  const asked = await parent.invoke(input("do it"), config);
  expect(asked).toMatchObject({ __interrupt__: [{ value: { question: "Shall I?" } }] });
  const state = await parent.getState(config);
  expect(state.tasks).toMatchObject([{ name: "remote", interrupts: [{ value: { question: "Shall I?" } }] }]);
});
