import { describe, expect, test } from "vitest";
import type { Note } from "../../fixtures/graphs/notebook.ts";
import { sharedServer } from "../../support/shared-server.ts";

const GRAPHS = { notebook: "notebook.ts:graph", classic: "classic.cjs:graph" };
const server = sharedServer({ graphs: GRAPHS });
/** Six seconds to live by default, counted anew with every read. */
const shortLived = sharedServer({
  graphs: GRAPHS,
  config: { store: { ttl: { default_ttl_minutes: 0.1, refresh_on_read: true } } },
});
/** The same, but reading does not help. */
const doomed = sharedServer({
  graphs: GRAPHS,
  config: { store: { ttl: { default_ttl_minutes: 0.1, refresh_on_read: false } } },
});

type Server = typeof server;

const newNamespace = () => ["root", crypto.randomUUID()];

/** Seconds that an item has left; null when it stays. */
async function secondsLeft(
  { db }: Server,
  namespace: readonly string[],
  key: string,
): Promise<number | null> {
  const { rows } = await db.query<{ left: number | null }>(
    `select extract(epoch from expires_at - now())::float as left
       from store where namespace_path = $1 and key = $2`,
    [namespace.join(":"), key],
  );
  const [row] = rows;
  if (row === undefined) throw new Error("there is no such item");
  return row.left;
}

/** Lets time pass for an item. */
const age = ({ db }: Server, namespace: readonly string[], seconds: number) =>
  db.query("update store set expires_at = expires_at - $2 * interval '1 second' where namespace_path = $1", [
    namespace.join(":"),
    seconds,
  ]);

const noteWith = async ({ client }: Server, notes: readonly Note[]): Promise<unknown[]> => {
  const values = await client.runs.wait(null, "notebook", { input: { notes } });
  return (values as unknown as { results: unknown[] }).results;
};

describe("without a configured time to live", () => {
  test("an item stays, unless it was put with one, in minutes", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "kept", {});
    await store.putItem(namespace, "timed", {}, { ttl: 0.5 });
    expect(await secondsLeft(server, namespace, "kept")).toBeNull();
    expect(await secondsLeft(server, namespace, "timed")).toBeCloseTo(30, -1);
  });

  test("reading an item starts its own time anew, unless the reader says otherwise", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "kept", {});
    await store.putItem(namespace, "timed", {}, { ttl: 1 });
    const read = async (options?: { refreshTtl: boolean | null }) => {
      await age(server, namespace, 20);
      for (const key of ["kept", "timed"]) await store.getItem(namespace, key, options);
      return (await secondsLeft(server, namespace, "timed")) ?? 0;
    };
    expect(await read({ refreshTtl: false })).toBeLessThan(41);
    for (const options of [{ refreshTtl: true }, { refreshTtl: null }, undefined]) {
      expect(await read(options)).toBeGreaterThan(41);
    }
    expect(await secondsLeft(server, namespace, "kept")).toBeNull();
  });

  test("so does a search, for what it finds on its page", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    for (const key of ["a", "b", "c"]) await store.putItem(namespace, key, {}, { ttl: 1 });
    await age(server, namespace, 30);
    const left = async () =>
      Promise.all(
        ["a", "b", "c"].map(async (key) => ((await secondsLeft(server, namespace, key)) ?? 0) > 30),
      );
    await store.searchItems(namespace, { refreshTtl: false });
    expect(await left()).toEqual([false, false, false]);
    await store.searchItems(namespace, { limit: 2, refreshTtl: true });
    expect(await left()).toEqual([false, true, true]);
    await store.searchItems(namespace, { offset: 2 });
    expect(await left()).toEqual([true, true, true]);
  });

  test("reading is no change: an item keeps its date, and its place in a search", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    for (const key of ["first", "second"]) await store.putItem(namespace, key, {}, { ttl: 1 });
    const before = await store.searchItems(namespace);
    await store.getItem(namespace, "first", { refreshTtl: true });
    expect(await store.searchItems(namespace)).toEqual(before);
    expect(before.items.map(({ key }) => key)).toEqual(["second", "first"]);
  });

  test("searches of the same items at once do not stand in each other's way", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    const keys = Array.from({ length: 20 }, (_, index) => `key ${index}`);
    for (const key of keys) await store.putItem(namespace, key, {}, { ttl: 1 });
    const search = () => store.searchItems(namespace, { limit: 20, refreshTtl: true });
    const write = (key: string) => store.putItem(namespace, key, {}, { ttl: 1 });
    const found = await Promise.all(keys.flatMap((key) => [search(), write(key)]));
    for (const result of found) if (result !== undefined) expect(result.items).toHaveLength(20);
  });

  test("an item that LangGraph's own store put goes as it came, unless a time is configured", async () => {
    const namespace = newNamespace();
    for (const { db, client } of [server, shortLived]) {
      await db.query(
        "insert into store (namespace_path, key, value, expires_at) values ($1, 'k', '{}', now() + interval '3 s')",
        [namespace.join(":")],
      );
      expect(await client.store.getItem(namespace, "k", { refreshTtl: true })).toMatchObject({ value: {} });
    }
    expect(await secondsLeft(server, namespace, "k")).toBeLessThan(3);
    expect(await secondsLeft(shortLived, namespace, "k")).toBeGreaterThan(3);
  });

  test("an item that is put again without one stays", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "key", {}, { ttl: 1 });
    await store.putItem(namespace, "key", {});
    expect(await secondsLeft(server, namespace, "key")).toBeNull();
  });
});

test("an item whose time is over is not found, searched or listed, and can be put anew", async () => {
  const { store } = server.client;
  const namespace = newNamespace();
  await store.putItem(namespace, "key", { old: true }, { ttl: 1 });
  await age(server, namespace, 61);
  expect(await store.getItem(namespace, "key")).toBeNull();
  expect((await store.searchItems(namespace)).items).toEqual([]);
  expect((await store.listNamespaces({ prefix: namespace })).namespaces).toEqual([]);
  await store.putItem(namespace, "key", { old: false });
  expect(await store.getItem(namespace, "key")).toMatchObject({ value: { old: false } });
});

describe("with a configured time to live", () => {
  test("items of clients and of graphs get it, unless they are put with one of their own", async () => {
    const { store } = shortLived.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "default", {});
    await store.putItem(namespace, "own", {}, { ttl: 60 });
    await noteWith(shortLived, [["put", namespace, "by a graph", {}]]);
    for (const key of ["default", "by a graph"]) {
      expect(await secondsLeft(shortLived, namespace, key)).toBeCloseTo(6, -1);
    }
    expect(await secondsLeft(shortLived, namespace, "own")).toBeCloseTo(3600, -2);
  });

  test("an item with a time of its own keeps that when it is read", async () => {
    const { store } = shortLived.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "own", {}, { ttl: 60 });
    await age(shortLived, namespace, 1800);
    await store.getItem(namespace, "own");
    expect(await secondsLeft(shortLived, namespace, "own")).toBeGreaterThan(1800);
  });

  test("reading an item starts its time anew, unless the reader says otherwise", async () => {
    const { store } = shortLived.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "key", {});
    await age(shortLived, namespace, 4);
    await store.getItem(namespace, "key", { refreshTtl: false });
    expect(await secondsLeft(shortLived, namespace, "key")).toBeLessThan(3);
    await store.getItem(namespace, "key");
    expect(await secondsLeft(shortLived, namespace, "key")).toBeGreaterThan(3);
  });

  test("a graph that reads an item keeps it alive too", async () => {
    const namespace = newNamespace();
    await shortLived.client.store.putItem(namespace, "key", {});
    await age(shortLived, namespace, 4);
    await noteWith(shortLived, [["get", namespace, "key"]]);
    expect(await secondsLeft(shortLived, namespace, "key")).toBeGreaterThan(3);
  });

  test("that reading does not renew, it does when the reader says so", async () => {
    const { store } = doomed.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "key", {});
    await age(doomed, namespace, 4);
    await store.getItem(namespace, "key");
    expect(await secondsLeft(doomed, namespace, "key")).toBeLessThan(3);
    await store.getItem(namespace, "key", { refreshTtl: true });
    expect(await secondsLeft(doomed, namespace, "key")).toBeGreaterThan(3);
  });
});

describe("a graph's batch", () => {
  test("is done in order: it finds what it has put before, and not what it has deleted", async () => {
    const namespace = newNamespace();
    const [first, , found, all, , again, , gone] = await noteWith(server, [
      ["get", namespace, "a"],
      ["put", namespace, "a", { n: 1 }],
      ["get", namespace, "a"],
      ["search", namespace],
      ["put", namespace, "a", { n: 2 }],
      ["get", namespace, "a"],
      ["delete", namespace, "a"],
      ["get", namespace, "a"],
    ]);
    expect(first).toBeNull();
    expect(found).toMatchObject({ namespace, key: "a", value: { n: 1 } });
    expect(all).toMatchObject([{ value: { n: 1 } }]);
    expect(again).toMatchObject({ value: { n: 2 } });
    expect(gone).toBeNull();
    expect(await server.client.store.getItem(namespace, "a")).toBeNull();
  });

  test("searches like a client does, across labels with an underscore and mixed types", async () => {
    const namespace = [...newNamespace(), "with_underscore"];
    const value = { deep: [{ list: [1, null, "ü"], empty: {} }], text: "é\\%_'\"" };
    await server.client.store.putItem(namespace, "number", { n: 5, ...value });
    await server.client.store.putItem(namespace, "text", { n: "five" });
    const [more, words, page, item] = await noteWith(server, [
      ["search", namespace, { filter: { n: { $gt: 1 } } }],
      ["search", namespace.slice(0, 2), { query: "FIVE" }],
      ["search", namespace, { limit: 1, offset: 1 }],
      ["get", namespace, "number"],
    ]);
    expect(more).toMatchObject([{ key: "number" }]);
    expect(words).toMatchObject([{ key: "text" }]);
    expect(page).toMatchObject([{ key: "number" }]);
    expect(item).toMatchObject({ value: { n: 5, ...value } });
  });
});

describe("the store of a graph", () => {
  test("lists namespaces, and takes a batch as it is", async () => {
    const [root = "", name = ""] = newNamespace();
    const [, , deep, cut, byName, batch] = await noteWith(server, [
      ["put", [root, name, "a", "x"], "k", {}],
      ["put", [root, name, "b", "x"], "k", {}],
      ["listNamespaces", { prefix: [root, name] }],
      ["listNamespaces", { prefix: [root, name], maxDepth: 3, limit: 1, offset: 1 }],
      ["listNamespaces", { prefix: [root, name], suffix: ["*", "x"] }],
      [
        "batch",
        [
          { namespace: [root, name, "a", "x"], key: "k" },
          { matchConditions: [], limit: 1, offset: 0 },
        ],
      ],
    ]);
    expect(deep).toEqual([
      [root, name, "a", "x"],
      [root, name, "b", "x"],
    ]);
    expect(cut).toEqual([[root, name, "b"]]);
    expect(byName).toEqual(deep);
    expect(batch).toMatchObject([{ key: "k", value: {} }, [expect.any(Array)]]);
  });

  test("lists namespaces for a graph in CommonJS too", async () => {
    const namespace = newNamespace();
    await server.client.store.putItem(namespace, "k", {});
    const values = await server.client.runs.wait(null, "classic", { input: { prefix: namespace } });
    expect(values).toMatchObject({ results: [namespace] });
  });

  test("keeps the index that an item is put with, or refuses it by name", async () => {
    const namespace = newNamespace();
    await noteWith(server, [
      ["put", namespace, "some", {}, ["title", "chapters[*].text"]],
      ["put", namespace, "none", {}, false],
      ["put", namespace, "default", {}],
    ]);
    const { rows } = await server.db.query<{ key: string; index_fields: unknown }>(
      "select key, index_fields from store where namespace_path = $1 order by key",
      [namespace.join(":")],
    );
    expect(rows).toEqual([
      { key: "default", index_fields: null },
      { key: "none", index_fields: false },
      { key: "some", index_fields: ["title", "chapters[*].text"] },
    ]);
    await expect(noteWith(server, [["put", namespace, "bad", {}, ["a..b"]]])).rejects.toThrow(/a\.\.b/);
  });
});

test("an empty prefix searches everything", async () => {
  const { store } = server.client;
  const word = crypto.randomUUID();
  for (const label of ["one", "two"]) await store.putItem([label], word, { word });
  const { items } = await store.searchItems([], { query: word });
  expect(items.map(({ namespace }) => namespace[0]).toSorted()).toEqual(["one", "two"]);
});

test.each([
  ["$eq", 2, ["two"]],
  ["$ne", 2, ["false", "list", "missing", "null", "one", "text", "three"]],
  ["$gt", 1, ["three", "two"]],
  ["$gte", 2, ["three", "two"]],
  ["$lt", 2, ["one"]],
  ["$lte", 2, ["one", "two"]],
  ["$gt", "s", ["text"]],
  ["$lt", "z", ["text"]],
])(
  "%s %j compares only values of its own type, whatever else there is",
  async (operator, operand, expected) => {
    const { store } = server.client;
    const namespace = newNamespace();
    const values = { one: 1, two: 2, three: 3, text: "text", null: null, list: [2], false: false };
    await Promise.all(Object.entries(values).map(([key, n]) => store.putItem(namespace, key, { n })));
    await store.putItem(namespace, "missing", {});
    const { items } = await store.searchItems(namespace, { filter: { n: { [operator]: operand } } });
    expect(items.map(({ key }) => key).toSorted()).toEqual(expected);
  },
);

test("many writers of one item leave one of their values, whole", async () => {
  const { store } = server.client;
  const namespace = newNamespace();
  await Promise.all(Array.from({ length: 10 }, (_, n) => store.putItem(namespace, "key", { n, same: n })));
  const { items } = await store.searchItems(namespace);
  expect(items).toHaveLength(1);
  expect(items[0]?.value["n"]).toBe(items[0]?.value["same"]);
});
