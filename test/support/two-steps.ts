import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { cliProject } from "./cli.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../fixtures/graphs");

/** The second node waits until there is a file `go`. Each node notes in `steps` that it was called. */
const GRAPH = `
import { appendFileSync, existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Annotation, StateGraph } from "@langchain/langgraph";
const here = (name: string) => new URL(name, import.meta.url);
export const graph = new StateGraph(Annotation.Root({ done: Annotation<string[]>({ reducer: (a, b) => [...a, ...b], default: () => [] }) }))
  .addNode("one", async () => { appendFileSync(here("steps"), "one\\n"); return { done: ["one"] }; })
  .addNode("two", async () => {
    appendFileSync(here("steps"), "two\\n");
    while (!existsSync(here("go"))) await sleep(20);
    return { done: ["two"] };
  })
  .addEdge("__start__", "one").addEdge("one", "two").addEdge("two", "__end__").compile();
`;

/** A project with that graph, as `slow`. */
export async function givenTwoSteps() {
  const cwd = await cliProject({ "graph.ts": GRAPH });
  await appendFile(path.join(cwd, "steps"), "");
  return {
    graphs: { slow: `${path.relative(FIXTURES, path.join(cwd, "graph.ts"))}:graph` },
    steps: () => readFile(path.join(cwd, "steps"), "utf8"),
    letGo: () => writeFile(path.join(cwd, "go"), ""),
  };
}
