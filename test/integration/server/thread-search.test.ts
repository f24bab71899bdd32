import { describe, expect, test, vi } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { HI } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    slow: "slow.ts:graph",
    twice: "questions.ts:twice",
    failing: "failing.ts:graph",
  },
});

describe("a search for threads", () => {
  /** Five threads of all kinds that only this mark finds. */
  async function givenThreads() {
    const { client } = server;
    const mark = crypto.randomUUID();
    const make = async (kind: string) =>
      (await client.threads.create({ metadata: { mark, kind } })).thread_id;
    const ids = {
      idle: await make("idle"),
      interrupted: await make("interrupted"),
      error: await make("error"),
      busy: await make("busy"),
      empty: await make("empty"),
    };
    const gate = createGate();
    await client.runs.wait(ids.idle, "steps", { input: HI });
    await client.runs.wait(ids.interrupted, "twice", { input: HI });
    await client.runs.wait(ids.error, "failing", { input: HI, raiseError: false });
    await client.runs.create(ids.busy, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    return { mark, ids, gate };
  }

  test("finds them by status, metadata, values and id, and counts them alike", async () => {
    const { client } = server;
    const { mark, ids, gate } = await givenThreads();
    const kindsOf = async (query: object) =>
      (await client.threads.search({ metadata: { mark }, ...query }))
        .map(({ metadata }) => metadata?.["kind"])
        .toSorted();
    expect(await kindsOf({})).toEqual(["busy", "empty", "error", "idle", "interrupted"]);
    for (const status of ["busy", "error", "interrupted"] as const) {
      expect(await kindsOf({ status })).toEqual([status]);
      expect(await client.threads.count({ metadata: { mark }, status })).toBe(1);
    }
    expect(await kindsOf({ status: "idle" })).toEqual(["empty", "idle"]);
    expect(await kindsOf({ ids: [ids.idle, ids.busy, crypto.randomUUID()] })).toEqual(["busy", "idle"]);
    expect(await kindsOf({ values: { items: ["b"] } })).toEqual(["idle"]);
    expect(await kindsOf({ metadata: { mark, graph_id: "twice" } })).toEqual(["interrupted"]);
    expect(await client.threads.count({ metadata: { mark } })).toBe(5);
    expect(await client.threads.count({ values: { items: ["b"] }, metadata: { mark } })).toBe(1);
    gate.open();
  });

  test("comes in pages, sorted as asked", async () => {
    const { client } = server;
    const mark = crypto.randomUUID();
    const ids: string[] = [];
    for (let count = 0; count < 3; count++)
      ids.push((await client.threads.create({ metadata: { mark } })).thread_id);
    await client.threads.update(ids[0] ?? "", { metadata: { touched: true } });
    const idsOf = async (query: object) =>
      (await client.threads.search({ metadata: { mark }, ...query })).map(({ thread_id }) =>
        ids.indexOf(thread_id),
      );
    expect(await idsOf({})).toEqual([2, 1, 0]);
    expect(await idsOf({ sortBy: "created_at", sortOrder: "asc" })).toEqual([0, 1, 2]);
    expect(await idsOf({ sortBy: "updated_at" })).toEqual([0, 2, 1]);
    expect(await idsOf({ limit: 1, offset: 1 })).toEqual([1]);
    const byId = await idsOf({ sortBy: "thread_id", sortOrder: "asc" });
    expect(byId.map((index) => ids[index])).toEqual(ids.toSorted());
  });

  test("can leave out what is not needed", async () => {
    const [found] = await server.client.threads.search({ limit: 1, select: ["thread_id", "status"] });
    expect(Object.keys(found ?? {}).toSorted()).toEqual(["status", "thread_id"]);
  });

  test("says how many there are, and where the next page begins", async () => {
    const mark = crypto.randomUUID();
    for (let count = 0; count < 3; count++) await server.client.threads.create({ metadata: { mark } });
    const page = async (offset: number) => {
      const body = { metadata: { mark }, limit: 2, offset, select: ["thread_id"] };
      const response = await post(`${server.url}/threads/search`, body);
      const found = (await response.json()) as object[];
      return [
        found.length,
        response.headers.get("X-Pagination-Total"),
        response.headers.get("X-Pagination-Next"),
      ];
    };
    expect(await page(0)).toEqual([2, "3", "2"]);
    expect(await page(2)).toEqual([1, "3", null]);
  });

  test("can be sorted by when the state last changed", async () => {
    const { client } = server;
    const mark = crypto.randomUUID();
    const ids: string[] = [];
    for (let count = 0; count < 2; count++)
      ids.push((await client.threads.create({ metadata: { mark } })).thread_id);
    await client.runs.wait(ids[0] ?? "", "steps", { input: HI });
    await client.threads.update(ids[1] ?? "", { metadata: { touched: true } });
    const found = await client.threads.search({ metadata: { mark }, sortBy: "state_updated_at" });
    expect(found.map(({ thread_id }) => thread_id)).toEqual(ids);
  });

  test("leaves out the threads of stateless runs", async () => {
    const { client } = server;
    const gate = createGate();
    const { run_id, thread_id } = await client.runs.create(null, "slow", { input: { gate: gate.name } });
    await gate.arrived;
    expect(await client.threads.search({ ids: [thread_id] })).toEqual([]);
    gate.open();
    await vi.waitFor(async () => {
      const { rows } = await server.db.query("select 1 from runs where run_id = $1", [run_id]);
      expect(rows).toEqual([]);
    });
  });

  describe("that extracts", () => {
    const search = (body: object) => post(`${server.url}/threads/search`, body);

    test("gets what its paths lead to, and null where there is nothing", async () => {
      const { client } = server;
      const { thread_id } = await client.threads.create({ metadata: { deep: [{ a: 1 }] } });
      await client.runs.wait(thread_id, "twice", { input: HI });
      const [found] = await client.threads.search({
        ids: [thread_id],
        select: ["thread_id"],
        extract: {
          last: "values.messages[-1].content",
          first: "values.messages[0].type",
          beyond: "values.messages[9]",
          items: "values.items",
          nothing: "values.no.such.thing",
          deep: "metadata.deep[0]",
          configurable: "config.configurable",
          interrupts: "interrupts",
        },
      });
      expect(found).toEqual({
        thread_id,
        extracted: {
          last: "hi",
          first: "human",
          beyond: null,
          items: [],
          nothing: null,
          deep: { a: 1 },
          configurable: expect.any(Object),
          interrupts: (await client.threads.get(thread_id)).interrupts,
        },
      });
    });

    test("gets nulls of a thread without values, beside all its fields", async () => {
      const created = await server.client.threads.create();
      const [found] = await server.client.threads.search({
        ids: [created.thread_id],
        extract: { last: "values.messages[-1]" },
      });
      expect(found).toEqual({ ...created, extracted: { last: null } });
    });

    test.each([
      "value.a",
      "values[",
      "values.",
      "values..a",
      "valuesa",
      "values[a]",
      "values[1",
      "",
      "status",
    ])("refuses the path '%s', and says why", async (path) => {
      const response = await search({ extract: { x: path } });
      expect(response.status).toBe(422);
      expect(((await response.json()) as { message: string }).message).toMatch(/extract\.x: .*path/);
    });

    test("takes ten paths and refuses eleven", async () => {
      const paths = (count: number) =>
        Object.fromEntries(Array.from({ length: count }, (_, index) => [`a${index}`, "values.a"]));
      expect((await search({ extract: paths(10) })).status).toBe(200);
      expect((await search({ extract: paths(11) })).status).toBe(422);
    });
  });
});
