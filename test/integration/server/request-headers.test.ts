import { Client } from "@langchain/langgraph-sdk";
import { describe, expect, test } from "vitest";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { parseFrames, post } from "../../support/wire.ts";

const GRAPHS = { settings: "settings.ts:graph" };
const server = sharedServer({ graphs: GRAPHS });

const HEADERS = {
  "X-User-Id": "ada",
  "user-agent": "test",
  "x-api-key": "secret",
  "x-tenant-id": "secret",
  authorization: "Bearer secret",
  cookie: "session=secret",
  "acme-region": "eu",
};

type Seen = { readonly seen: { readonly configurable: Readonly<Record<string, unknown>> } };

type Created = { readonly thread_id: string; readonly run_id: string };

const headersIn = ({ seen }: Seen) =>
  Object.fromEntries(
    Object.entries(seen.configurable).filter(([key]) => key in HEADERS || key.startsWith("x-")),
  );

/** What the graph saw on each way to create a run. */
async function onEveryWay(url: string, body: object): Promise<Seen[]> {
  const run = { assistant_id: "settings", input: {}, ...body };
  const client = new Client({ apiUrl: url, apiKey: null });
  const seen: Seen[] = [];
  for (const isStateless of [false, true]) {
    const { thread_id } = await client.threads.create();
    const path = isStateless ? "" : `/threads/${thread_id}`;
    const stream = await post(`${url}${path}/runs/stream`, run, HEADERS);
    seen.push(parseFrames(await stream.text()).findLast(({ event }) => event === "values")?.data as Seen);
    seen.push((await (await post(`${url}${path}/runs/wait`, run, HEADERS)).json()) as Seen);
    const background = isStateless ? { ...run, on_completion: "keep" } : run;
    const created = await (await post(`${url}${path}/runs`, background, HEADERS)).json();
    const { thread_id: on, run_id } = created as Created;
    seen.push((await client.runs.join(on, run_id)) as Seen);
  }
  const batch = await post(`${url}/runs/batch`, [{ ...run, on_completion: "keep" }], HEADERS);
  const [created = { thread_id: "", run_id: "" }] = (await batch.json()) as Created[];
  seen.push((await client.runs.join(created.thread_id, created.run_id)) as Seen);
  return seen;
}

test("a graph sees the headers of the request that created its run, on every way to create one", async () => {
  for (const seen of await onEveryWay(server.url, {})) {
    expect(headersIn(seen)).toEqual({ "x-user-id": "ada", "user-agent": "test" });
  }
});

test("what the body says wins, and beside it the headers are still there", async () => {
  const config = { configurable: { "x-user-id": "grace", mine: 1 } };
  for (const { seen } of await onEveryWay(server.url, { config })) {
    expect(seen.configurable).toMatchObject({ "x-user-id": "grace", "user-agent": "test", mine: 1 });
  }
});

test("a header wins over what the assistant is configured with", async () => {
  const { assistant_id } = await server.client.assistants.create({
    graphId: "settings",
    config: { configurable: { "x-user-id": "nobody", "x-other": "kept" } },
  });
  const run = { assistant_id, input: {} };
  const response = await post(`${server.url}/runs/wait`, run, { "x-user-id": "ada" });
  expect(await response.json()).toMatchObject({
    seen: { configurable: { "x-user-id": "ada", "x-other": "kept" } },
  });
});

describe("the configuration", () => {
  test("says which headers, and which of them not", async () => {
    const configured = await testServer({
      graphs: GRAPHS,
      config: { configurableHeaders: { includes: ["acme-*", "x-*"], excludes: ["x-user-*"] } },
    });
    for (const seen of await onEveryWay(configured.url, {})) {
      expect(headersIn(seen)).toEqual({ "acme-region": "eu" });
    }
  });
});

test("nothing that is left out is anywhere in the database", async () => {
  await onEveryWay(server.url, {});
  for (const table of ["runs", "threads", "checkpoints", "checkpoint_writes"]) {
    const { rows } = await server.db.query<{ text: string }>(`select ${table}::text as text from ${table}`);
    expect(rows.length, table).toBeGreaterThan(0);
    expect(rows.filter(({ text }) => text.includes("secret"))).toEqual([]);
  }
});

test("a header that LangGraph would take for its own does not reach it", async () => {
  const configured = await testServer({
    graphs: GRAPHS,
    config: { configurableHeaders: { includes: ["*"], excludes: [] } },
  });
  const headers = { checkpoint_ns: "elsewhere", __pregel_read: "1", thread_id: "x", run_id: "x" };
  const { thread_id } = await configured.client.threads.create();
  const path = `${configured.url}/threads/${thread_id}/runs/wait`;
  const response = await post(path, { assistant_id: "settings", input: {} }, headers);
  expect(await response.json()).toMatchObject({
    seen: { configurable: { thread_id, checkpoint_ns: expect.not.stringContaining("elsewhere") } },
  });
});
