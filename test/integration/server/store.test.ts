import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({ graphs: { memory: "memory.ts:graph" } });

const store = () => server.client.store;

/** A namespace that no other test uses. */
const newRoot = () => `root_${crypto.randomUUID()}`;

const put = (item: object) =>
  fetch(`${server.url}/store/items`, {
    method: "PUT",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(item),
  });

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
    expect((await put({ namespace, key: "k", value: {} })).status).toBe(422);
    const query = new URLSearchParams(namespace.map((label): [string, string] => ["namespace", label]));
    query.append("key", "k");
    // A period in the query separates labels, so there it is none of a label.
    if (!namespace.includes("a.b")) {
      expect((await fetch(`${server.url}/store/items?${query}`)).status).toBe(422);
    }
  });

  test("keeps which of its fields are to be found by meaning, until it is put anew", async () => {
    const namespace = [newRoot()];
    const paths = [
      "$",
      "title",
      "author.name",
      "chapters[*].text",
      "tags[0]",
      "rows[-1][2].cell",
      "with space",
    ];
    const indexOf = async (options?: { index: false | string[] | null }) => {
      await store().putItem(namespace, "key", {}, options);
      const { rows } = await server.db.query<{ index_fields: unknown }>(
        "select index_fields from store where namespace_path = $1",
        [namespace.join(":")],
      );
      return rows[0]?.index_fields;
    };
    expect(await indexOf({ index: paths })).toEqual(paths);
    expect(await indexOf({ index: false })).toBe(false);
    expect(await indexOf({ index: [] })).toEqual([]);
    expect(await indexOf({ index: null })).toBeNull();
    expect(await indexOf({ index: ["title"] })).toEqual(["title"]);
    expect(await indexOf()).toBeNull();
  });

  test.each([
    [true],
    ["title"],
    [[""]],
    [["a..b"]],
    [[".a"]],
    [["a."]],
    [["a[]"]],
    [["a[x]"]],
    [["a[0"]],
    [["[0]"]],
    [[1]],
    [Array.from({ length: 101 }, () => "a")],
  ])("with the index %j is refused by name", async (index) => {
    const response = await put({ namespace: [newRoot()], key: "k", value: {}, index });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("index");
  });

  test("with a time to live is gone when it is over", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "short", {}, { ttl: 0.001 });
    await store().putItem(namespace, "long", {}, { ttl: 10 });
    // Looking at it would keep it alive.
    await expect.poll(() => store().getItem(namespace, "short", { refreshTtl: false })).toBeNull();
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

  test("finds the words of a query in the values, in any order and case, and knows no wildcards", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "tea", { text: "likes Green Tea 100%" });
    await store().putItem(namespace, "coffee", { text: "likes coffee" });
    expect(await keysOf(namespace, { query: " tea green\n" })).toEqual(["tea"]);
    expect(await keysOf(namespace, { query: "green coffee" })).toEqual([]);
    expect(await keysOf(namespace, { query: " " })).toEqual(["coffee", "tea"]);
    expect(await keysOf(namespace, { query: "0%" })).toEqual(["tea"]);
    expect(await keysOf(namespace, { query: "l_kes" })).toEqual([]);
  });

  test("with too long a query is refused", async () => {
    const query = "word ".repeat(101);
    await expect(store().searchItems(["x"], { query })).rejects.toMatchObject({ status: 422 });
  });

  test("answers items as the protocol has them, without a score as long as none is given", async () => {
    const namespace = [newRoot()];
    await store().putItem(namespace, "key", { text: "tea" }, { index: ["text"], ttl: 5 });
    const item = {
      namespace,
      key: "key",
      value: { text: "tea" },
      created_at: expect.any(String),
      updated_at: expect.any(String),
    };
    for (const query of [undefined, "tea"]) {
      const response = await post(`${server.url}/store/items/search`, { namespace_prefix: namespace, query });
      expect(await response.json()).toEqual({ items: [{ ...item, score: null }] });
    }
    const response = await fetch(`${server.url}/store/items?key=key&namespace=${namespace.join(".")}`);
    expect(await response.json()).toEqual(item);
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
