// The floor: the graphs in this process, with LangGraph's own saver on Postgres. Asked over its channel.
import process from "node:process";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import pg from "pg";
import { graph as chat } from "../graphs/chat.ts";
import { graph as fiveNodes } from "../graphs/five-nodes.ts";
import { graph as oneNode } from "../graphs/one-node.ts";
import { type Load, type LoadResult, repeatFor } from "./rounds.ts";

export interface FloorTask extends Load {
  readonly graph: "one-node" | "five-nodes" | "chat";
  readonly input: object;
  /** Whether the run is streamed, and events are counted instead of runs. */
  readonly streamed: boolean;
}

export type FloorAnswer = LoadResult | { readonly error: string };

interface Runnable {
  invoke(input: object, config: object): Promise<unknown>;
  stream(input: object, config: object): Promise<AsyncIterable<unknown>>;
}

const url = process.env["DATABASE_URL"];
if (url === undefined) throw new Error("started without DATABASE_URL");
const saver = new PostgresSaver(new pg.Pool({ connectionString: url, max: 10 }));
const ready = saver.setup();
for (const graph of [oneNode, fiveNodes, chat]) graph.checkpointer = saver;
const graphs = { "one-node": oneNode, "five-nodes": fiveNodes, chat } as unknown as Record<string, Runnable>;

process.on("message", (task: FloorTask) => {
  void answer(task).then((answered) => process.send?.(answered));
});
process.on("disconnect", () => process.exit());

async function answer({ graph: id, input, streamed, ...load }: FloorTask): Promise<FloorAnswer> {
  try {
    await ready;
    const graph = graphs[id];
    if (graph === undefined) throw new Error(`there is no graph ${id}`);
    return await repeatFor(load, () => (streamed ? countStreamed(graph, input) : runOnce(graph, input)));
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** A thread of its own for every run, and every step saved before the next one begins. */
const newThread = () => ({ configurable: { thread_id: crypto.randomUUID() }, durability: "sync" });

async function runOnce(graph: Runnable, input: object): Promise<number> {
  await graph.invoke(input, newThread());
  return 1;
}

async function countStreamed(graph: Runnable, input: object): Promise<number> {
  const streamMode = ["values", "updates", "messages"];
  let events = 0;
  for await (const _ of await graph.stream(input, { ...newThread(), streamMode })) events += 1;
  return events;
}
