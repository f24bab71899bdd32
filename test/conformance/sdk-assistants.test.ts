import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SDKS } from "./support/sdks.ts";

describe.each(SDKS)("assistants with $name", ({ connect }) => {
  const client = connect;
  const created = (name: string, metadata = {}) =>
    client().assistants.create({ graphId: "agent", name, metadata, config: { tags: ["one"] } });

  test("every graph has one from the start, which also answers to the graph's id", async () => {
    const system = { graphId: "agent", metadata: { created_by: "system" } };
    const [found, ...more] = await client().assistants.search(system);
    expect(more).toEqual([]);
    expect(found).toMatchObject({ graph_id: "agent", name: "agent", version: 1 });
    expect(await client().assistants.get("agent")).toEqual(found);
    expect(await client().assistants.get(found?.assistant_id ?? "")).toEqual(found);
    expect(await client().assistants.count(system)).toBe(1);
  });

  test("is found page by page", async () => {
    const mark = randomUUID();
    for (const name of ["a", "b", "c"]) await created(name, { mark });
    const page = (offset: number) =>
      client().assistants.search({
        metadata: { mark },
        sortBy: "name",
        sortOrder: "asc",
        select: ["name"],
        limit: 2,
        offset,
        includePagination: true,
      });
    expect(await page(0)).toEqual({ assistants: [{ name: "a" }, { name: "b" }], next: "2" });
    expect(await page(2)).toEqual({ assistants: [{ name: "c" }], next: null });
  });

  test("is drawn", async () => {
    const { nodes, edges } = await client().assistants.getGraph("nested");
    expect(nodes.map(({ id }) => id)).toEqual(["__start__", "before", "child", "__end__"]);
    expect(edges).toContainEqual(expect.objectContaining({ source: "before", target: "child" }));
    const deep = await client().assistants.getGraph("nested-questions", { xray: true });
    expect(deep.nodes.map(({ id }) => id)).toEqual(["__start__", "child:ask", "child:done", "__end__"]);
  });

  test("tells the schemas of its graph", async () => {
    const schemas = await client().assistants.getSchemas("agent");
    expect(schemas).toMatchObject({ graph_id: "agent" });
    for (const name of ["input_schema", "output_schema", "state_schema", "config_schema"]) {
      expect(schemas).toHaveProperty(name);
    }
  });

  test("tells the subgraphs of its graph, all or one", async () => {
    expect(Object.keys(await client().assistants.getSubgraphs("nested"))).toEqual(["child"]);
    const child = await client().assistants.getSubgraphs("nested", { namespace: "child", recurse: true });
    expect(Object.keys(child)).toEqual(["child"]);
    expect(await client().assistants.getSubgraphs("agent")).toEqual({});
  });

  test("is made, changed, set back and deleted", async () => {
    const { assistant_id, version } = await created("first");
    expect(version).toBe(1);
    const changed = await client().assistants.update(assistant_id, { name: "second", metadata: { a: 1 } });
    expect(changed).toMatchObject({ name: "second", version: 2, config: { tags: ["one"] } });
    const versions = await client().assistants.getVersions(assistant_id);
    expect(versions.map((each) => [each.version, each.name])).toEqual([
      [2, "second"],
      [1, "first"],
    ]);
    expect(await client().assistants.setLatest(assistant_id, 1)).toMatchObject({ name: "first", version: 1 });
    expect(await client().assistants.get(assistant_id)).toMatchObject({ name: "first", version: 1 });

    await client().assistants.delete(assistant_id);
    await expect(client().assistants.get(assistant_id)).rejects.toMatchObject({ status: 404 });
  });

  test("takes the threads along when it is deleted so", async () => {
    const { assistant_id } = await created("with threads");
    const { thread_id } = await client().threads.create();
    await client().runs.wait(thread_id, assistant_id, { input: { messages: [] } });
    await client().assistants.delete(assistant_id, { deleteThreads: true });
    await expect(client().threads.get(thread_id)).rejects.toMatchObject({ status: 404 });
  });

  test("that is there already is a 409, or itself if that is asked for", async () => {
    const { assistant_id } = await created("there");
    const again = { graphId: "agent", assistantId: assistant_id, name: "again" };
    await expect(client().assistants.create(again)).rejects.toMatchObject({ status: 409 });
    const same = await client().assistants.create({ ...again, ifExists: "do_nothing" });
    expect(same).toMatchObject({ assistant_id, name: "there" });
  });
});
