import { describe, expect, test } from "vitest";
import { ASSISTANT_SORT_KEYS, defaultAssistantId } from "../../../src/server/domain/assistant.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { namesOf, parseFrames, post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    stepped: "nested.ts:stepped",
    factory: "factories.ts:fromBoth",
    broken: "nowhere.ts:graph",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

/** An assistant with settings, among others that the test must not see. */
const newAssistant = (payload: object = {}) =>
  server.client.assistants.create({ graphId: "steps", ifExists: "raise", ...payload });

describe("the default assistants", () => {
  test("are there for every graph, with the id that follows from the graph's", async () => {
    const found = await server.client.assistants.search({ metadata: { created_by: "system" }, limit: 100 });
    expect(found.map(({ graph_id }) => graph_id).toSorted()).toEqual([
      "broken",
      "factory",
      "slow",
      "stepped",
      "steps",
    ]);
    for (const { graph_id, assistant_id, name, version } of found) {
      expect({ assistant_id, name, version }).toEqual({
        assistant_id: defaultAssistantId(graph_id),
        name: graph_id,
        version: 1,
      });
    }
  });

  test("are meant wherever an assistant is named by its graph", async () => {
    const { client } = server;
    const byGraph = await client.assistants.get("steps");
    expect(byGraph.assistant_id).toBe(defaultAssistantId("steps"));
    expect(await client.assistants.get(byGraph.assistant_id)).toEqual(byGraph);
    const { thread_id } = await client.threads.create();
    const { assistant_id } = await client.runs.create(thread_id, "steps", { input: HI });
    expect(assistant_id).toBe(byGraph.assistant_id);
  });

  test("cannot be deleted", async () => {
    await expect(server.client.assistants.delete("steps")).rejects.toMatchObject({ status: 409 });
    expect(await server.client.assistants.get("steps")).toBeDefined();
  });
});

describe("an assistant", () => {
  test("is created as it was asked for", async () => {
    const assistantId = crypto.randomUUID();
    const created = await newAssistant({
      assistantId,
      name: "Ada",
      description: "counts",
      config: { tags: ["t"], recursion_limit: 7, configurable: { mark: "m" } },
      context: { place: "here" },
      metadata: { team: "blue" },
    });
    expect(created).toEqual({
      assistant_id: assistantId,
      graph_id: "steps",
      name: "Ada",
      description: "counts",
      config: { tags: ["t"], recursion_limit: 7, configurable: { mark: "m" } },
      context: { place: "here" },
      metadata: { team: "blue" },
      version: 1,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    });
    expect(await server.client.assistants.get(assistantId)).toEqual(created);
  });

  test("with an id that is taken is refused, or the one that is there, as the client likes", async () => {
    const { assistant_id } = await newAssistant({ name: "first" });
    await expect(newAssistant({ assistantId: assistant_id })).rejects.toMatchObject({ status: 409 });
    const same = await newAssistant({ assistantId: assistant_id, name: "second", ifExists: "do_nothing" });
    expect(same).toMatchObject({ assistant_id, name: "first" });
  });

  test.each([
    ["of an unknown graph", "nope", 404],
    ["of a graph that failed to load", "broken", 422],
  ])("%s is refused", async (_, graphId, status) => {
    await expect(newAssistant({ graphId })).rejects.toMatchObject({ status });
  });

  test("that is not there is not found, whatever is asked of it", async () => {
    const { client, url } = server;
    const id = crypto.randomUUID();
    const thread = await client.threads.create();
    for (const ask of [
      () => client.assistants.get(id),
      () => client.assistants.update(id, { name: "x" }),
      () => client.assistants.delete(id),
      () => client.assistants.getGraph(id),
      () => client.assistants.getVersions(id),
      () => client.assistants.setLatest(id, 1),
      () => client.runs.create(thread.thread_id, id, { input: HI }),
    ]) {
      await expect(ask()).rejects.toMatchObject({ status: 404 });
    }
    expect((await fetch(`${url}/assistants/nope`)).status).toBe(404);
  });
});

describe("the versions of an assistant", () => {
  test("are made by every change: metadata is merged, what else is given is replaced, the rest stays", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({
      name: "one",
      config: { configurable: { a: 1 } },
      metadata: { a: 1, b: 1 },
      description: "d",
    });
    const second = await client.assistants.update(assistant_id, {
      name: "two",
      config: { configurable: { b: 2 } },
      metadata: { b: 2 },
    });
    expect(second).toMatchObject({
      version: 2,
      name: "two",
      description: "d",
      config: { configurable: { b: 2 } },
      metadata: { a: 1, b: 2 },
    });
    expect(second.config.configurable).not.toHaveProperty("a");
    const response = await fetch(`${server.url}/assistants/${assistant_id}`, {
      method: "PATCH",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ description: null }),
    });
    expect(await response.json()).toMatchObject({ version: 3, name: "two", description: null });
  });

  test("are listed newest first, in pages, and by metadata; an earlier one can be put back in use", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({ name: "v1", metadata: { stage: "old" } });
    await client.assistants.update(assistant_id, { name: "v2" });
    await client.assistants.update(assistant_id, { name: "v3", metadata: { stage: "new" } });
    const versionsOf = async (payload: object = {}) =>
      (await client.assistants.getVersions(assistant_id, payload)).map(
        ({ version, name }) => `${version} ${name}`,
      );
    expect(await versionsOf()).toEqual(["3 v3", "2 v2", "1 v1"]);
    expect(await versionsOf({ limit: 1, offset: 1 })).toEqual(["2 v2"]);
    expect(await versionsOf({ metadata: { stage: "old" } })).toEqual(["2 v2", "1 v1"]);

    expect(await client.assistants.setLatest(assistant_id, 1)).toMatchObject({
      version: 1,
      name: "v1",
      metadata: { stage: "old" },
    });
    expect(await client.assistants.get(assistant_id)).toMatchObject({ version: 1, name: "v1" });
    // The next one does not take the number of one that was there.
    expect(await client.assistants.update(assistant_id, { name: "v4" })).toMatchObject({
      version: 4,
      metadata: { stage: "old" },
    });
    await expect(client.assistants.setLatest(assistant_id, 9)).rejects.toMatchObject({ status: 404 });
  });

  test("get different numbers when changes come at the same time", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant();
    const names = Array.from({ length: 8 }, (_, index) => `name ${index}`);
    const made = await Promise.all(names.map((name) => client.assistants.update(assistant_id, { name })));
    expect(made.map(({ version }) => version).toSorted((a, b) => a - b)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe("a run", () => {
  test("has its assistant's configuration, context, tags and metadata, and its own over them", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({
      config: { tags: ["mine"], recursion_limit: 9, configurable: { mark: "assistant", kept: true } },
      context: { place: "assistant", kept: true },
      metadata: { from: "assistant", kept: true },
    });
    const { thread_id } = await client.threads.create();
    const run = await client.runs.create(thread_id, assistant_id, {
      input: HI,
      config: { tags: ["its"], configurable: { mark: "run" } },
      context: { place: "run" },
      metadata: { from: "run" },
    });
    expect(run).toMatchObject({
      assistant_id,
      metadata: { from: "run", kept: true, graph_id: "steps", assistant_id },
      kwargs: {
        graph_id: "steps",
        context: { place: "run", kept: true },
        config: {
          tags: ["mine", "its"],
          recursion_limit: 9,
          configurable: {
            mark: "run",
            kept: true,
            assistant_id,
            graph_id: "steps",
            thread_id,
            run_id: run.run_id,
          },
          metadata: { from: "run", kept: true, run_id: run.run_id },
        },
      },
    });
    expect(await client.runs.join(thread_id, run.run_id)).toMatchObject({ items: ["a", "b", "run"] });
    expect(await client.threads.get(thread_id)).toMatchObject({
      metadata: { graph_id: "steps", assistant_id },
      config: { configurable: { mark: "run", kept: true } },
    });
  });

  test("uses the version that was in use when it was created", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({ config: { configurable: { mark: "old" } } });
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, assistant_id, { input: HI, afterSeconds: 0.2 });
    await client.assistants.update(assistant_id, { config: { configurable: { mark: "new" } } });
    expect(await client.runs.join(thread_id, run_id)).toMatchObject({ items: ["a", "b", "old"] });
    expect(await client.runs.wait(null, assistant_id, { input: HI })).toMatchObject({
      items: ["a", "b", "new"],
    });
  });

  test("stops at its assistant's limit of steps", async () => {
    const { assistant_id } = await newAssistant({ config: { recursion_limit: 2 } });
    const waiting = server.client.runs.wait(null, assistant_id, { input: HI });
    await expect(waiting).rejects.toThrow(/GraphRecursionError/);
  });

  test("reaches its graph's context and configuration through the factory too", async () => {
    const { assistant_id } = await newAssistant({
      graphId: "factory",
      config: { configurable: { word: "hello" } },
    });
    expect(await server.client.runs.wait(null, assistant_id, { input: HI })).toMatchObject({
      items: ["hello", "threads.create_run"],
    });
  });
});

describe("a search for assistants", () => {
  test("finds them by graph, metadata and part of the name, in any case", async () => {
    const { client } = server;
    const mark = crypto.randomUUID();
    await newAssistant({ name: `Alpha_${mark}`, metadata: { mark, n: 1 } });
    await newAssistant({ name: `beta%${mark}`, graphId: "slow", metadata: { mark, n: 2 } });
    const namesOf = async (query: object) =>
      (await client.assistants.search(query)).map(({ name }) => name.split(/[_%]/)[0]);
    expect((await namesOf({ metadata: { mark } })).toSorted()).toEqual(["Alpha", "beta"]);
    expect(await namesOf({ metadata: { mark }, graphId: "slow" })).toEqual(["beta"]);
    expect(await namesOf({ metadata: { mark, n: 1 } })).toEqual(["Alpha"]);
    expect(await namesOf({ metadata: { mark }, name: "ALPHA" })).toEqual(["Alpha"]);
    // Neither is a wildcard.
    expect(await namesOf({ metadata: { mark }, name: "a_" })).toEqual(["Alpha"]);
    expect(await namesOf({ metadata: { mark }, name: "a%" })).toEqual(["beta"]);
    expect(await client.assistants.count({ metadata: { mark } })).toBe(2);
    expect(await client.assistants.count({ metadata: { mark }, graphId: "slow" })).toBe(1);
    expect(await client.assistants.count({ metadata: { mark }, name: "ALPHA" })).toBe(1);
  });

  test.each(ASSISTANT_SORT_KEYS)("is sorted by %s, in both directions", async (sortBy) => {
    const { client } = server;
    const mark = crypto.randomUUID();
    for (const [name, graphId] of [
      ["b", "steps"],
      ["c", "factory"],
      ["a", "slow"],
    ]) {
      await newAssistant({ name, graphId, metadata: { mark } });
    }
    const [oldest] = await client.assistants.search({
      metadata: { mark },
      sortBy: "created_at",
      sortOrder: "asc",
    });
    await client.assistants.update(oldest?.assistant_id ?? "", { description: "changed last" });
    const valuesOf = async (sortOrder: "asc" | "desc") =>
      (await client.assistants.search({ metadata: { mark }, sortBy, sortOrder })).map(
        (assistant) => assistant[sortBy],
      );
    const ascending = await valuesOf("asc");
    expect(ascending).toEqual(ascending.toSorted());
    expect(new Set(ascending).size).toBe(3);
    expect(await valuesOf("desc")).toEqual(ascending.toReversed());
  });

  test("comes in pages that say where the next one begins, and how many there are", async () => {
    const mark = crypto.randomUUID();
    for (const name of ["c", "a", "b"]) await newAssistant({ name, metadata: { mark } });
    const page = async (body: object) => {
      const response = await post(`${server.url}/assistants/search`, { metadata: { mark }, ...body });
      const { headers } = response;
      const names = ((await response.json()) as { name: string }[]).map(({ name }) => name);
      return [names.join(""), headers.get("x-pagination-total"), headers.get("x-pagination-next")];
    };
    expect(await page({ sort_by: "name", sort_order: "asc", limit: 2 })).toEqual(["ab", "3", "2"]);
    expect(await page({ sort_by: "name", sort_order: "asc", limit: 2, offset: 2 })).toEqual(["c", "3", null]);
    expect(await page({ sort_by: "name", sort_order: "desc" })).toEqual(["cba", "3", null]);
    expect(await page({})).toEqual(["bac", "3", null]);
    expect(await page({ offset: 5 })).toEqual(["", "3", null]);
    const found = await server.client.assistants.search({
      metadata: { mark },
      limit: 2,
      includePagination: true,
    });
    expect(found).toMatchObject({ next: "2", assistants: [{ name: "b" }, { name: "a" }] });
  });

  test("can leave out what is not needed", async () => {
    const [found] = await server.client.assistants.search({
      graphId: "steps",
      limit: 1,
      select: ["name", "version"],
    });
    expect(Object.keys(found ?? {}).toSorted()).toEqual(["name", "version"]);
    const response = await post(`${server.url}/assistants/search`, { select: ["owner"] });
    expect(response.status).toBe(422);
  });
});

describe("the drawing of an assistant's graph", () => {
  const idsOf = (graph: { nodes: { id: string | number }[] }) => graph.nodes.map(({ id }) => id);

  test("has its nodes and edges", async () => {
    const graph = await server.client.assistants.getGraph("steps");
    expect(idsOf(graph)).toEqual(["__start__", "a", "b", "c", "__end__"]);
    expect(graph.edges).toContainEqual(expect.objectContaining({ source: "a", target: "b" }));
  });

  test("has its subgraphs in their places when it is looked through", async () => {
    const { client } = server;
    expect(idsOf(await client.assistants.getGraph("stepped"))).toContain("child");
    for (const xray of [true, 1, 2]) {
      expect(idsOf(await client.assistants.getGraph("stepped", { xray }))).toEqual(
        expect.arrayContaining(["child:a", "child:b", "child:c"]),
      );
    }
  });

  test("of a graph that is made per request is made with the assistant's configuration", async () => {
    const { assistant_id } = await newAssistant({
      graphId: "factory",
      config: { configurable: { word: "x" } },
    });
    expect(idsOf(await server.client.assistants.getGraph(assistant_id))).toContain("say");
  });

  test("of a graph that failed to load is refused with the reason", async () => {
    const drawing = server.client.assistants.getGraph("broken");
    await expect(drawing).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining("there is no file"),
    });
  });
});

describe("deleting an assistant", () => {
  async function startSlow(assistantId: string) {
    const gate = createGate();
    const { thread_id } = await server.client.threads.create();
    const { run_id } = await server.client.runs.create(thread_id, assistantId, {
      input: { ...HI, gate: gate.name },
    });
    await gate.arrived;
    const queued = await server.client.runs.create(thread_id, assistantId, { input: HI });
    return { gate, thread_id, run_id, queued: queued.run_id };
  }

  test("stops its runs, and leaves none of their threads busy", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({ graphId: "slow" });
    const { gate, thread_id, run_id } = await startSlow(assistant_id);
    // Its headers come when the run is watched.
    const waiting = await fetch(`${server.url}/threads/${thread_id}/runs/${run_id}/join`);
    await client.assistants.delete(assistant_id);
    expect(waiting.status).toBe(200);
    await waiting.text();
    gate.open();

    await expect(client.assistants.get(assistant_id)).rejects.toMatchObject({ status: 404 });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle" });
    expect(await client.runs.list(thread_id)).toEqual([]);
    expect(await client.runs.wait(thread_id, "steps", { input: HI })).toMatchObject({
      items: expect.arrayContaining(["a", "b", "c"]),
    });
  });

  test("leaves a thread busy that has a run of another one", async () => {
    const { client } = server;
    const { assistant_id } = await newAssistant({ graphId: "slow" });
    const { gate, thread_id, run_id } = await startSlow("slow");
    const mine = await client.runs.create(thread_id, assistant_id, { input: HI });
    await client.assistants.delete(assistant_id);
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "busy" });
    expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "running" });
    await expect(client.runs.get(thread_id, mine.run_id)).rejects.toMatchObject({ status: 404 });
    gate.open();
    await client.runs.join(thread_id, run_id);
  });

  test("takes its threads with it if asked to, with their state", async () => {
    const { client, db } = server;
    const { assistant_id } = await newAssistant();
    const [own, other] = [await client.threads.create(), await client.threads.create()];
    await client.runs.wait(own.thread_id, assistant_id, { input: HI });
    await client.runs.wait(other.thread_id, "steps", { input: HI });
    await client.assistants.delete(assistant_id, { deleteThreads: true });
    await expect(client.threads.get(own.thread_id)).rejects.toMatchObject({ status: 404 });
    expect(await client.threads.get(other.thread_id)).toMatchObject({ values: { items: ["a", "b", "c"] } });
    const { rows } = await db.query("select 1 from checkpoints where thread_id = $1", [own.thread_id]);
    expect(rows).toEqual([]);
  });

  test("takes threads with runs in flight too, which end for whoever follows them and leave nothing", async () => {
    const { client, db } = server;
    const { assistant_id } = await newAssistant({ graphId: "slow" });
    // A thread belongs to the assistant that ran on it last.
    const { gate, thread_id, run_id, queued } = await startSlow(assistant_id);
    const following = await Promise.all(
      [run_id, queued].map((id) => fetch(`${server.url}/threads/${thread_id}/runs/${id}/stream`)),
    );
    await client.assistants.delete(assistant_id, { deleteThreads: true });
    const streams = await Promise.all(following.map(async (response) => parseFrames(await response.text())));
    for (const frames of streams) expect(namesOf(frames).at(-1)).toBe("end");
    gate.open();
    await expect(client.threads.get(thread_id)).rejects.toMatchObject({ status: 404 });
    const left = () => db.query("select 1 from checkpoints where thread_id = $1", [thread_id]);
    await expect.poll(async () => (await left()).rows).toEqual([]);
  });
});
