import { appendFile, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { cliProject } from "../../support/cli.ts";
import { testServer } from "../../support/server.ts";
import { dataOf, parseFrames, post } from "../../support/wire.ts";

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

async function givenProject() {
  const cwd = await cliProject({ "graph.ts": GRAPH });
  await appendFile(path.join(cwd, "steps"), "");
  return {
    graphs: { slow: `${path.relative(FIXTURES, path.join(cwd, "graph.ts"))}:graph` },
    steps: () => readFile(path.join(cwd, "steps"), "utf8"),
    letGo: () => writeFile(path.join(cwd, "go"), ""),
  };
}

async function connect(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

test("a stateless run that is quick writes no checkpoint, unless it wants each step to be saved", async () => {
  const server = await testServer({ graphs: { steps: "steps.ts:graph" } });
  const db = await connect(server.databaseUrl);
  await db.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'written'; end $$;
    create trigger refuse before insert on checkpoints for each row execute function refuse();
    create trigger refuse before insert on checkpoint_writes for each row execute function refuse()`);
  const run = async (durability?: string) => {
    const body = { assistant_id: "steps", input: { items: ["asked"] }, durability };
    return (await post(`${server.url}/runs/wait`, body)).json();
  };
  expect(await run()).toMatchObject({ items: ["asked", "a", "b", "c"] });
  expect(await run("sync")).toMatchObject({ __error__: { message: "written" } });
});

test.each([
  ["at once", 0],
  ["after a while", 500],
])("a stateless run that is handed back %s goes on after its last step", async (_when, ms) => {
  const { graphs, steps, letGo } = await givenProject();
  const first = await testServer({ graphs });
  const body = { assistant_id: "slow", input: { done: ["asked"] } };
  const { run_id } = (await (await post(`${first.url}/runs`, body)).json()) as { run_id: string };
  while (!(await steps()).includes("two")) await sleep(1);
  await sleep(ms);
  await first.close();

  const second = await testServer({ graphs, databaseUrl: first.databaseUrl });
  const joined = await fetch(`${second.url}/runs/${run_id}/stream`);
  await letGo();
  const values = dataOf(parseFrames(await joined.text()), "values");
  expect(values.at(-1)).toEqual({ done: ["asked", "one", "two"] });
  expect(await steps()).toMatch(/^one\n(two\n)+$/);
});

test("of a stateless run that takes its time, what it has done so far is there for whoever takes it over", async () => {
  const { graphs, steps, letGo } = await givenProject();
  const server = await testServer({ graphs });
  const db = await connect(server.databaseUrl);
  const ended = post(`${server.url}/runs/wait`, { assistant_id: "slow", input: { done: ["asked"] } });
  while (!(await steps()).includes("two")) await sleep(1);
  const count = async () => (await db.query("select from checkpoints")).rowCount;
  await expect.poll(count).toBe(3);
  await letGo();
  expect(await (await ended).json()).toEqual({ done: ["asked", "one", "two"] });
  expect(await count()).toBe(0);
});
