import { randomUUID } from "node:crypto";
import { HumanMessage } from "@langchain/core/messages";
import {
  Annotation,
  Command,
  DeltaChannel,
  interrupt,
  MessagesAnnotation,
  Send,
  StateGraph,
} from "@langchain/langgraph";
import type { BaseCheckpointSaver } from "@langchain/langgraph-checkpoint";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { describe, expect, test } from "vitest";
import { createCheckpointer } from "../../../src/server/engine/memory.ts";
import { copyCheckpoints } from "../../../src/server/persistence/checkpoints.ts";
import { isDatabaseUnavailable } from "../../../src/server/persistence/database.ts";
import { sharedDatabase } from "../../support/database.ts";

const database = sharedDatabase();

const State = Annotation.Root({
  ...MessagesAnnotation.spec,
  list: Annotation<string[]>({ reducer: (before, added) => before.concat(added), default: () => [] }),
  /** Only what a step adds is stored, and now and then all of it. */
  trail: () =>
    new DeltaChannel<string[], string[]>((before, added) => before.concat(...added), {
      snapshotFrequency: 4,
    }),
});

const child = new StateGraph(State)
  .addNode("inner", () => ({ list: [`inner ${String(interrupt("in the subgraph?"))}`] }))
  .addEdge("__start__", "inner")
  .compile();

/** Asks in a subgraph, then in the graph itself, after nodes that run side by side. */
const builder = new StateGraph(State)
  .addNode("first", () => ({ messages: [new HumanMessage({ content: "hi", id: "1" })], trail: ["first"] }))
  .addNode("left", () => ({ list: ["left"] }))
  .addNode("right", () => ({ list: ["right"] }))
  .addNode("sent", ({ list }: { list: string[] }) => ({ list: list.map((item) => `sent ${item}`) }))
  .addNode("child", child)
  .addNode("ask", () => ({ list: [`ask ${String(interrupt("in the graph?"))}`], trail: ["ask"] }))
  .addEdge("__start__", "first")
  .addEdge("first", "left")
  .addEdge("first", "right")
  .addConditionalEdges("left", () => [new Send("sent", { list: ["b"] }), new Send("sent", { list: ["a"] })])
  .addEdge("right", "child")
  .addEdge("child", "ask");

const compile = (checkpointer: BaseCheckpointSaver) => builder.compile({ checkpointer });

const SAVERS = {
  stock: () => compile(new PostgresSaver(database().pool)),
  ours: () => compile(createCheckpointer(database().pool, isDatabaseUnavailable)),
};

type Graph = ReturnType<typeof compile>;

/** All that a graph tells of a thread, apart from when it happened. */
async function tell(graph: Graph, config: { configurable: { thread_id: string } }) {
  const history = await Array.fromAsync(graph.getStateHistory(config));
  return {
    state: await graph.getState(config, { subgraphs: true }),
    history: history.map(({ values, next, tasks }) => ({ values, next, tasks })),
  };
}

describe("a thread goes on under the other saver", () => {
  test.each([["stock", "ours"] as const, ["ours", "stock"] as const])(
    "from %s to %s, and both tell the same of it",
    async (first, second) => {
      const config = { configurable: { thread_id: randomUUID() } };
      const [one, other] = [SAVERS[first](), SAVERS[second]()];
      await one.invoke({ list: ["input"] }, config);
      expect(await tell(one, config)).toEqual(await tell(other, config));

      await other.invoke(new Command({ resume: "yes" }), config);
      expect(await tell(one, config)).toEqual(await tell(other, config));

      await one.invoke(new Command({ resume: "sure" }), config);
      await other.invoke({ list: ["again"] }, config);
      await one.updateState(config, { list: ["by hand"], trail: ["by hand"] }, "first");
      const told = await tell(one, config);
      expect(told).toEqual(await tell(other, config));
      expect(told.history.length).toBeGreaterThan(8);
      expect(told.state.values.trail).toEqual(expect.arrayContaining(["first", "ask", "by hand"]));
      expect(told.state.values.list).toEqual(
        expect.arrayContaining([
          "input",
          "left",
          "right",
          "sent a",
          "sent b",
          "inner yes",
          "ask sure",
          "by hand",
        ]),
      );
    },
  );
});

test("what nodes side by side have added to a channel is read back in the order in which the run had it", async () => {
  const parts = ["f", "e", "d", "c", "b", "a"];
  const graph = new StateGraph(State)
    .addNode("first", () => ({}))
    .addNode("sent", ({ list }: { list: string[] }) => ({ trail: list }))
    .addNode("last", () => ({}))
    .addEdge("__start__", "first")
    .addConditionalEdges("first", () => parts.map((part) => new Send("sent", { list: [part] })))
    .addEdge("sent", "last")
    .compile({ checkpointer: createCheckpointer(database().pool, isDatabaseUnavailable) });
  const config = { configurable: { thread_id: randomUUID() } };
  const { trail } = await graph.invoke({ list: [] }, config);
  expect(trail).toEqual(parts);
  expect((await graph.getState(config)).values.trail).toEqual(parts);

  const copy = { configurable: { thread_id: randomUUID() } };
  await copyCheckpoints(database(), { from: config.configurable.thread_id, to: copy.configurable.thread_id });
  expect((await graph.getState(copy)).values.trail).toEqual(parts);
});
