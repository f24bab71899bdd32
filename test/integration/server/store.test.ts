import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({ graphs: { memory: "memory.ts:graph" } });

const store = () => server.client.store;

/** A namespace that no other test uses. */
const newRoot = () => `root_${crypto.randomUUID()}`;

const keysOf = async (prefix: string[], options: object = {}) =>
  (await store().searchItems(prefix, options)).items.map(({ key }) => key).toSorted();

describe("an item", () => {
  test("is kept, changed and deleted, with the dates of both", async () => {
    const namespace = [newRoot(), "my_name", "with-dash"];
    expect(await store().getItem(namespace, "key")).toBeNull();
    await store().putItem(namespace, "key", { a: 1, deep: { list: [1, null, "ü"] } });
    const first = await store().getItem(namespace, "key");
    expect(first).toMatchObject({
      namespace,
      key: "key",
      value: { a: 1, deep: { list: [1, null, "ü"] } },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    await store().putItem(namespace, "key", { b: 2 });
    const second = await store().getItem(namespace, "key");
    expect(second).toMatchObject({ value: { b: 2 }, createdAt: first?.createdAt });
    expect(second?.value).not.toHaveProperty("a");
    expect((second?.updatedAt ?? "") > (first?.updatedAt ?? "")).toBe(true);
    await store().deleteItem(namespace, "key");
    expect(await store().getItem(namespace, "key")).toBeNull();
    await store().deleteItem(namespace, "key");
  });

  test("of another namespace is another one, even if it has the same key", async () => {
    const root = newRoot();
    await store().putItem([root, "a"], "key", { of: "a" });
    await store().putItem([root, "b"], "key", { of: "b" });
    await store().deleteItem([root, "a"], "key");
    expect(await store().getItem([root, "b"], "key")).toMatchObject({ value: { of: "b" } });
  });

  test.each([
    ["an empty label", ["a", ""]],
    ["no label", []],
    ["a period in a label", ["a.b"]],
    ["the root that is LangGraph's", ["langgraph", "x"]],
  ])("in a namespace with %s is refused", async (_, namespace) => {
    const response = await fetch(`${server.url}/store/items`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ namespace, key: "k", value: {} }),
    });
    expect(response.status).toBe(422);
  });

  test("with a time to live is gone when it is over", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "short", {}, { ttl: 0.001 });
    await store().putItem(namespace, "long", {}, { ttl: 10 });
    await expect.poll(() => store().getItem(namespace, "short")).toBeNull();
    expect(await keysOf(namespace)).toEqual(["long"]);
  });
});

describe("a search", () => {
  test("finds what is below a prefix, label by label", async () => {
    const root = newRoot();
    for (const namespace of [
      [root],
      [root, "a"],
      [root, "a", "b"],
      [root, "ab"],
      [`${root}x`],
      [root, "a_b"],
      [root, "axb"],
    ]) {
      await store().putItem(namespace, namespace.join("/").replace(root, "root"), {});
    }
    expect(await keysOf([root])).toEqual(["root", "root/a", "root/a/b", "root/a_b", "root/ab", "root/axb"]);
    expect(await keysOf([root, "a"])).toEqual(["root/a", "root/a/b"]);
    expect(await keysOf([root, "a", "b"])).toEqual(["root/a/b"]);
    // An underscore stands for itself.
    expect(await keysOf([root, "a_b"])).toEqual(["root/a_b"]);
    expect(await keysOf([root, "%"])).toEqual([]);
  });

  test("compares fields with the operators of the protocol, and only what can be compared", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "one", { n: 1, s: "a", flag: true, tags: ["x"], o: { a: 1 } });
    await store().putItem(namespace, "two", { n: 2, s: "b", flag: false, nothing: null });
    await store().putItem(namespace, "ten", { n: 10, s: "c" });
    await store().putItem(namespace, "text", { n: "not a number", "odd key'": 1 });
    const find = (filter: object) => keysOf(namespace, { filter });
    expect(await find({ n: 2 })).toEqual(["two"]);
    expect(await find({ n: { $eq: 2 } })).toEqual(["two"]);
    expect(await find({ n: { $ne: 2 } })).toEqual(["one", "ten", "text"]);
    expect(await find({ n: { $gt: 1 } })).toEqual(["ten", "two"]);
    expect(await find({ n: { $gte: 2, $lt: 10 } })).toEqual(["two"]);
    expect(await find({ n: { $lte: 2 } })).toEqual(["one", "two"]);
    expect(await find({ s: { $gt: "a" } })).toEqual(["ten", "two"]);
    expect(await find({ flag: true })).toEqual(["one"]);
    expect(await find({ flag: { $ne: true } })).toEqual(["ten", "text", "two"]);
    expect(await find({ tags: ["x"] })).toEqual(["one"]);
    expect(await find({ o: { a: 1 } })).toEqual(["one"]);
    expect(await find({ nothing: null })).toEqual(["two"]);
    expect(await find({ "odd key'": 1 })).toEqual(["text"]);
    expect(await find({ n: 1, s: "a" })).toEqual(["one"]);
    expect(await find({ n: 1, s: "b" })).toEqual([]);
  });

  test.each([
    ["an operator that is not known", { n: { $regex: "x" } }],
    ["a comparison with a list", { n: { $gt: [1] } }],
  ])("with %s is refused by name", async (_, filter) => {
    const response = await post(`${server.url}/store/items/search`, { namespace_prefix: ["x"], filter });
    expect(response.status).toBe(422);
    expect(await response.text()).toMatch(/\$regex|\$gt/);
  });

  test("finds words in the values, and knows no wildcards", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "tea", { text: "likes Green Tea 100%" });
    await store().putItem(namespace, "coffee", { text: "likes coffee" });
    expect(await keysOf(namespace, { query: "green tea" })).toEqual(["tea"]);
    expect(await keysOf(namespace, { query: "0%" })).toEqual(["tea"]);
    expect(await keysOf(namespace, { query: "l_kes" })).toEqual([]);
  });

  test("comes in pages, last changed first", async () => {
    const namespace = [newRoot()];
    for (const key of ["a", "b", "c"]) await store().putItem(namespace, key, {});
    await store().putItem(namespace, "a", { again: true });
    const page = async (options: object) =>
      (await store().searchItems(namespace, options)).items.map(({ key }) => key);
    expect(await page({})).toEqual(["a", "c", "b"]);
    expect(await page({ limit: 1, offset: 1 })).toEqual(["c"]);
  });
});

describe("the list of namespaces", () => {
  test("is narrowed by prefix and suffix, in which * stands for any label, and cut at a depth", async () => {
    const root = newRoot();
    for (const labels of [
      ["users", "ada", "notes"],
      ["users", "grace", "notes"],
      ["users", "ada", "todo"],
      ["teams", "blue"],
    ]) {
      await store().putItem([root, ...labels], "k", {});
    }
    const list = async (options: object) =>
      (await store().listNamespaces({ prefix: [root], ...options })).namespaces.map(([, ...rest]) =>
        rest.join("/"),
      );
    expect(await list({})).toEqual(["teams/blue", "users/ada/notes", "users/ada/todo", "users/grace/notes"]);
    expect(await list({ prefix: [root, "users"] })).toHaveLength(3);
    expect(await list({ prefix: [root, "*", "ada"] })).toEqual(["users/ada/notes", "users/ada/todo"]);
    expect(await list({ suffix: ["notes"] })).toEqual(["users/ada/notes", "users/grace/notes"]);
    expect(await list({ suffix: ["ada", "*"] })).toEqual(["users/ada/notes", "users/ada/todo"]);
    expect(await list({ maxDepth: 2 })).toEqual(["teams", "users"]);
    expect(await list({ maxDepth: 3 })).toEqual(["teams/blue", "users/ada", "users/grace"]);
    expect(await list({ limit: 2, offset: 1 })).toEqual(["users/ada/notes", "users/ada/todo"]);
  });
});

describe("a graph", () => {
  test("writes where clients read, and finds what they wrote", async () => {
    const { thread_id } = await server.client.threads.create();
    await store().putItem(["users", "from_client"], "note", { order: "theirs" });
    const events = await Array.fromAsync(
      server.client.runs.stream(thread_id, "memory", {
        input: { order: "mine" },
        streamMode: ["custom", "values"],
      }),
    );
    expect(events.find(({ event }) => event === "custom")?.data).toEqual({ remembered: 2 });
    expect(events.at(-2)?.data).toMatchObject({ items: ["mine"] });
    expect(await store().getItem(["users", "my_name"], "last")).toMatchObject({ value: { order: "mine" } });
  });
});
