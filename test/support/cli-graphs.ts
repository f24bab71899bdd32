import path from "node:path";
import { REPOSITORY } from "./scaffold.ts";

/** aegra.json with these graphs, id → `file:export`. */
export const configOf = (graphs: Readonly<Record<string, string>>): string => JSON.stringify({ graphs });

/** A graph of one node; the text is the body of a function that returns an update of `{ value: string }`. */
export const graphOf = (body: string, imports = ""): string => `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Annotation, StateGraph } from "@langchain/langgraph";
${imports}
const State = Annotation.Root({ value: Annotation<string> });
export const graph = new StateGraph(State)
  .addNode("node", async (): Promise<{ value: string }> => { ${body} })
  .addEdge("__start__", "node")
  .addEdge("node", "__end__")
  .compile();
`;

/** Answers what it is told, word by word. */
export const CHAT = { agent: path.join(REPOSITORY, "test", "fixtures", "graphs", "chat.ts:graph") };
