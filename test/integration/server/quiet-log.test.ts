import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { testDatabaseUrl } from "../../support/database.ts";
import { openStream } from "../../support/open-stream.ts";
import { testServer } from "../../support/server.ts";

const GRAPHS = { steps: "steps.ts:graph" };
const HI = { messages: [{ role: "user", content: "hi" }] };

interface Payload {
  readonly kinds: readonly string[];
}

/** A connection of the test's own, which hears what servers tell each other. */
async function openObserver(databaseUrl: string) {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  const kinds: string[] = [];
  client.on("notification", ({ payload }) => kinds.push(...(JSON.parse(payload ?? "") as Payload).kinds));
  await client.query("listen aegra_wake");
  const countRows = async (): Promise<number> => {
    const { rows } = await client.query<{ count: number }>(
      `select ((select count(*) from run_events) + (select count(*) from run_ends)
               + (select count(*) from thread_entries))::int as count`,
    );
    return rows[0]?.count ?? 0;
  };
  return { kinds, countRows };
}

type Server = Awaited<ReturnType<typeof testServer>>;

/** Runs that are waited for, streamed and stateless. */
async function useEveryWay({ client }: Server): Promise<void> {
  const { thread_id } = await client.threads.create();
  await client.runs.wait(thread_id, "steps", { input: HI });
  await Array.fromAsync(client.runs.stream(thread_id, "steps", { input: HI }));
  await client.runs.wait(null, "steps", { input: HI });
  const { run_id } = await client.runs.create(thread_id, "steps", { input: HI });
  await client.runs.join(thread_id, run_id);
}

async function rowsWrittenBy(server: Server, countRows: () => Promise<number>): Promise<number> {
  const before = await countRows();
  await useEveryWay(server);
  return (await countRows()) - before;
}

const PRESENCES = ["hello", "here", "bye"];
const about = (kinds: readonly string[]) => kinds.filter((kind) => !PRESENCES.includes(kind));

test("a server that is alone writes no events and tells nobody of them, but those of resumable runs", async () => {
  const databaseUrl = await testDatabaseUrl();
  const { kinds, countRows } = await openObserver(databaseUrl);
  const server = await testServer({ graphs: GRAPHS, databaseUrl });
  // Until it hears, it must take it that others want everything.
  await expect.poll(() => rowsWrittenBy(server, countRows), { timeout: 20_000 }).toBe(0);
  kinds.length = 0;
  const before = await countRows();
  for (let count = 0; count < 3; count++) await useEveryWay(server);
  expect(await countRows()).toBe(before);
  expect(about(kinds)).toEqual([]);

  const { thread_id } = await server.client.threads.create();
  const input = { input: HI, streamResumable: true };
  const { run_id } = await server.client.runs.create(thread_id, "steps", input);
  await server.client.runs.join(thread_id, run_id);
  await expect.poll(countRows).toBeGreaterThan(before);
});

test("a server that another one has joined writes what that one asks for, of runs that are over, too", async () => {
  const databaseUrl = await testDatabaseUrl();
  const { kinds, countRows } = await openObserver(databaseUrl);
  const back = await testServer({ graphs: GRAPHS, databaseUrl });
  await expect.poll(() => rowsWrittenBy(back, countRows), { timeout: 20_000 }).toBe(0);
  const { thread_id } = await back.client.threads.create();
  const { run_id } = await back.client.runs.create(thread_id, "steps", { input: HI });
  await back.client.runs.join(thread_id, run_id);
  const path = `/threads/${thread_id}/runs/${run_id}/stream`;
  const all = await (await openStream(`${back.url}${path}`, { "last-event-id": "-1" })).ended();
  const before = await countRows();

  const front = await testServer({ graphs: GRAPHS, databaseUrl, environment: { jobsPerWorker: 0 } });
  expect(await (await openStream(`${front.url}${path}`, { "last-event-id": "-1" })).ended()).toEqual(all);
  expect(about(kinds)).toContain("events_wanted");
  expect(await countRows()).toBe(before + all.length + 1);
});
