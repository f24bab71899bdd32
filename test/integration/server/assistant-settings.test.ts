import { randomUUID } from "node:crypto";
import path from "node:path";
import { v5 as uuidv5 } from "uuid";
import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { startTestServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";

const GRAPHS = {
  settings: "settings.ts:graph",
  nested: "matryoshka.ts:graph",
  slow: "slow.ts:graph",
  steps: "steps.ts:graph",
};
const server = sharedServer({ graphs: GRAPHS });

const HI = { messages: [{ role: "user", content: "hi" }] };
const CONFLICT = { status: 409, message: expect.stringContaining("belongs to a graph") };

describe("the default assistant of a graph", () => {
  test("has the id that every server gives it, and belongs to the system", async () => {
    for (const graph_id of Object.keys(GRAPHS)) {
      const assistant = {
        assistant_id: uuidv5(graph_id, "6ba7b821-9dad-11d1-80b4-00c04fd430c8"),
        graph_id,
        name: graph_id,
        description: null,
        config: {},
        context: {},
        metadata: { created_by: "system" },
        version: 1,
        created_at: expect.any(String),
        updated_at: expect.any(String),
      };
      expect(await server.client.assistants.get(assistant.assistant_id)).toEqual(assistant);
    }
  });

  test("cannot be deleted, whatever its metadata says", async () => {
    const { assistants } = server.client;
    await assistants.update("steps", { metadata: { created_by: "ada" } });
    await expect(assistants.delete("steps")).rejects.toMatchObject(CONFLICT);
    expect(await assistants.get("steps")).toMatchObject({ metadata: { created_by: "ada" } });
  });

  test("is no other's, whatever the metadata of that one says", async () => {
    const { assistants } = server.client;
    const metadata = { created_by: "system" };
    const { assistant_id } = await assistants.create({ graphId: "steps", metadata });
    await assistants.delete(assistant_id);
    await expect(assistants.get(assistant_id)).rejects.toMatchObject({ status: 404 });
  });

  test("keeps its changes over a restart, and can be deleted once its graph is gone", async () => {
    const databaseUrl = await testDatabaseUrl();
    const { steps, slow } = GRAPHS;
    const first = await startTestServer(databaseUrl, { graphs: { old: slow, steps } });
    await first.client.assistants.update("steps", { name: "Renamed" });
    await first.close();
    const second = await startTestServer(databaseUrl, { graphs: { steps } });
    try {
      const { assistants, runs } = second.client;
      expect(await assistants.get("steps")).toMatchObject({ name: "Renamed", version: 2 });
      await expect(runs.wait(null, "old", { input: HI })).rejects.toMatchObject({ status: 404 });
      await assistants.delete("old");
      expect(await assistants.count()).toBe(1);
    } finally {
      await second.close();
    }
  });
});

test("the description of a default assistant follows the configuration until someone changes the assistant", async () => {
  const databaseUrl = await testDatabaseUrl();
  const restart = async (
    description: string | null,
    work: (client: typeof server.client) => Promise<unknown>,
  ) => {
    const file = path.resolve(import.meta.dirname, "../../fixtures/graphs/steps.ts");
    const steps = { file, exportName: "graph", description, maxConcurrency: null, written: "steps.ts:graph" };
    const restarted = await startTestServer(databaseUrl, { config: { graphs: { steps } } });
    await work(restarted.client).finally(restarted.close);
  };
  const expectAfter = async (written: string | null, expected: string | null) =>
    restart(written, async ({ assistants }) => {
      expect(await assistants.get("steps")).toMatchObject({ description: expected });
      expect((await assistants.getVersions("steps"))[0]).toMatchObject({ description: expected });
    });
  await expectAfter(null, null);
  await expectAfter("three steps", "three steps");
  await expectAfter("steps", "steps");
  await restart("steps", ({ assistants }) => assistants.update("steps", { description: "mine" }));
  await expectAfter("more steps", "mine");
});

test("an assistant that many ask for at the same time is made once, with one version", async () => {
  const { assistants } = server.client;
  const payload = { graphId: "steps", assistantId: randomUUID(), ifExists: "do_nothing" } as const;
  const made = await Promise.all(Array.from({ length: 8 }, () => assistants.create(payload)));
  expect(new Set(made.map(({ created_at }) => created_at)).size).toBe(1);
  expect(await assistants.getVersions(payload.assistantId)).toHaveLength(1);
});

test("changes that are made at the same time are all kept", async () => {
  const { assistants } = server.client;
  const { assistant_id } = await assistants.create({ graphId: "steps" });
  const keys = Array.from({ length: 8 }, (_, index) => `key ${index}`);
  await Promise.all(keys.map((key) => assistants.update(assistant_id, { metadata: { [key]: 1 } })));
  expect(Object.keys((await assistants.get(assistant_id)).metadata ?? {}).toSorted()).toEqual(keys);
});

test.each(["name", "created_at", "updated_at", "assistant_id", "graph_id"] as const)(
  "a search sorts by %s in both directions",
  async (sortBy) => {
    const { assistants } = server.client;
    const metadata = { test: randomUUID() };
    for (const graphId of ["steps", "nested", "settings"]) {
      await assistants.create({ graphId, name: `about ${graphId}`, metadata });
    }
    const search = async (sortOrder: "asc" | "desc") =>
      (await assistants.search({ metadata, sortBy, sortOrder, includePagination: false })).map(
        (assistant) => assistant[sortBy],
      );
    const sorted = (await search("asc")).toSorted();
    expect(sorted).toHaveLength(3);
    expect(await search("asc")).toEqual(sorted);
    expect(await search("desc")).toEqual(sorted.toReversed());
  },
);

describe("what a graph sees", () => {
  type Seen = Record<"configurable" | "context" | "metadata", Record<string, unknown>> & { tags: string[] };
  const seenBy = async (assistantId: string, payload: object) => {
    const values = await server.client.runs.wait(null, assistantId, { input: {}, ...payload });
    return (values as unknown as { seen: Seen }).seen;
  };

  test("are the settings of the assistant, overridden key by key by those of the run", async () => {
    const { assistant_id } = await server.client.assistants.create({
      graphId: "settings",
      config: { tags: ["ours"], configurable: { a: "assistant", b: "assistant" } },
      context: { c: "assistant", d: "assistant" },
      metadata: { e: "assistant", f: "assistant" },
    });
    const seen = await seenBy(assistant_id, {
      config: { tags: ["theirs"], configurable: { b: "run" } },
      context: { d: "run" },
      metadata: { f: "run", g: "run" },
    });
    expect(seen.configurable).toMatchObject({ a: "assistant", b: "run", assistant_id, graph_id: "settings" });
    expect(seen.context).toEqual({ c: "assistant", d: "run" });
    expect(seen.metadata).toMatchObject({ e: "assistant", f: "run", g: "run", assistant_id });
    expect(seen.tags).toEqual(expect.arrayContaining(["ours", "theirs"]));
    expect(seen.configurable["run_id"]).toBe(seen.metadata["run_id"]);
  });

  test("cannot be another run, thread, assistant or graph than it is", async () => {
    const ids = { run_id: "x", thread_id: "x", assistant_id: "x", graph_id: "x" };
    const seen = await seenBy("settings", { config: { configurable: ids, metadata: ids }, metadata: ids });
    for (const values of [seen.configurable, seen.metadata]) {
      for (const key of Object.keys(ids)) {
        expect([key, values[key]]).toEqual([key, expect.stringMatching(/^[^x]{2,}$/)]);
      }
    }
  });

  test("are the settings of the version in use", async () => {
    const { assistants } = server.client;
    const { assistant_id } = await assistants.create({ graphId: "settings", context: { version: 1 } });
    await assistants.update(assistant_id, { context: { version: 2 } });
    expect((await seenBy(assistant_id, {})).context).toEqual({ version: 2 });
    await assistants.setLatest(assistant_id, 1);
    expect((await seenBy(assistant_id, {})).context).toEqual({ version: 1 });
  });
});

test.each([
  [false, ["inside"]],
  [0, ["inside"]],
  [1, ["inside:first", "inside:inside"]],
  [2, ["inside:first", "inside:inside:first", "inside:inside:inside"]],
  [true, ["inside:first", "inside:inside:first", "inside:inside:inside"]],
])("with xray %s a drawing shows what is inside as deep as that", async (xray, inside) => {
  const { nodes } = await server.client.assistants.getGraph("nested", { xray });
  expect(nodes.map(({ id }) => id)).toEqual(["__start__", "first", ...inside, "__end__"]);
});

test("deleting an assistant with its threads leaves nothing of one whose run is in progress", async () => {
  const { client, db } = server;
  const gate = createGate();
  const { assistant_id } = await client.assistants.create({ graphId: "slow" });
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, assistant_id, { input: { gate: gate.name } });
  await gate.arrived;
  const joined = client.runs.join(thread_id, run_id);
  await client.runs.get(thread_id, run_id);
  await client.assistants.delete(assistant_id, { deleteThreads: true });
  await joined;
  gate.open();
  for (const table of ["threads", "runs", "checkpoints", "checkpoint_blobs", "checkpoint_writes"]) {
    const { rows } = await db.query(`select 1 from ${table} where thread_id::text = $1`, [thread_id]);
    expect([table, rows]).toEqual([table, []]);
  }
});
