import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { testServer } from "../../support/server.ts";
import { givenTwoSteps } from "../../support/two-steps.ts";
import { dataOf, parseFrames, post } from "../../support/wire.ts";

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
  const { graphs, steps, letGo } = await givenTwoSteps();
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
  const { graphs, steps, letGo } = await givenTwoSteps();
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
