import { describe, expect, test } from "vitest";
import type { Note } from "../../fixtures/graphs/notebook.ts";
import { sharedServer } from "../../support/shared-server.ts";

const GRAPHS = { notebook: "notebook.ts:graph" };
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

  test("reading changes nothing", async () => {
    const { store } = server.client;
    const namespace = newNamespace();
    await store.putItem(namespace, "kept", {});
    await store.putItem(namespace, "timed", {}, { ttl: 1 });
    for (const key of ["kept", "timed"]) await store.getItem(namespace, key, { refreshTtl: true });
    expect(await secondsLeft(server, namespace, "kept")).toBeNull();
    expect(await secondsLeft(server, namespace, "timed")).toBeLessThan(60);
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
