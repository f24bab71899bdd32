import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { cliProject } from "../../support/cli.ts";
import { testServer } from "../../support/server.ts";

const FIXTURES = path.resolve(import.meta.dirname, "../../fixtures/graphs");

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

test("a run that was handed back goes on after its last step, with its id in every checkpoint", async () => {
  const cwd = await cliProject({ "graph.ts": GRAPH });
  await appendFile(path.join(cwd, "steps"), "");
  const graphs = { slow: `${path.relative(FIXTURES, path.join(cwd, "graph.ts"))}:graph` };
  const first = await testServer({ graphs });
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "slow", { input: { done: ["asked"] } });
  const steps = () => readFile(path.join(cwd, "steps"), "utf8");
  while (!(await steps()).includes("two")) await sleep(20);
  await first.close();

  const second = await testServer({ graphs, databaseUrl: first.databaseUrl });
  await writeFile(path.join(cwd, "go"), "");
  expect(await second.client.runs.join(thread_id, run_id)).toEqual({ done: ["asked", "one", "two"] });
  // Nothing but the step that was cut off was done again; its first call may see `go` only now.
  expect(await steps()).toBe("one\ntwo\ntwo\n");
  const history = await second.client.threads.getHistory(thread_id);
  expect(history.length).toBeGreaterThan(2);
  for (const { metadata } of history) expect(metadata).toMatchObject({ run_id });
});
