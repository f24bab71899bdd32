import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { SDKS } from "./support/sdks.ts";

describe.each(SDKS)("the store with $name", ({ connect }) => {
  const client = connect;
  const namespaceOf = () => ["conformance", randomUUID()];

  test("keeps an item, replaces it, and forgets it", async () => {
    const namespace = namespaceOf();
    await client().store.putItem(namespace, "one", { text: "first" });
    await client().store.putItem(namespace, "one", { text: "second" }, { ttl: 60, index: false });
    const item = await client().store.getItem(namespace, "one");
    expect(item).toMatchObject({ namespace, key: "one", value: { text: "second" } });
    expect(Date.parse(item?.createdAt ?? "")).not.toBeNaN();
    expect(Date.parse(item?.updatedAt ?? "")).not.toBeNaN();
    await client().store.deleteItem(namespace, "one");
    expect(await client().store.getItem(namespace, "one")).toBeNull();
  });

  test("finds items by namespace and by what is in them", async () => {
    const namespace = namespaceOf();
    for (const [key, rank] of Object.entries({ low: 1, middle: 5, high: 9 })) {
      await client().store.putItem([...namespace, "ranks"], key, { rank });
    }
    const keysOf = async (options: object) => {
      const { items } = await client().store.searchItems(namespace, options);
      return items.map(({ key }) => key).sort();
    };
    expect(await keysOf({})).toEqual(["high", "low", "middle"]);
    expect(await keysOf({ filter: { rank: 5 } })).toEqual(["middle"]);
    expect(await keysOf({ filter: { rank: { $gt: 4 } } })).toEqual(["high", "middle"]);
    expect(await keysOf({ limit: 2 })).toHaveLength(2);
    expect(await keysOf({ limit: 2, offset: 2 })).toHaveLength(1);
  });

  test("lists its namespaces", async () => {
    const namespace = namespaceOf();
    await client().store.putItem([...namespace, "a", "deep"], "one", {});
    await client().store.putItem([...namespace, "b"], "two", {});
    const list = async (options: object) =>
      (await client().store.listNamespaces({ prefix: namespace, ...options })).namespaces.sort();
    expect(await list({})).toEqual([
      [...namespace, "a", "deep"],
      [...namespace, "b"],
    ]);
    expect(await list({ maxDepth: 3 })).toEqual([
      [...namespace, "a"],
      [...namespace, "b"],
    ]);
    expect(await list({ suffix: ["deep"] })).toEqual([[...namespace, "a", "deep"]]);
  });
});
