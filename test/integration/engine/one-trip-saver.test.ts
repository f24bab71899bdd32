import { randomUUID } from "node:crypto";
import { AIMessage, HumanMessage } from "@langchain/core/messages";
import {
  type Checkpoint,
  type CheckpointMetadata,
  type CheckpointTuple,
  DeltaSnapshot,
  emptyCheckpoint,
  INTERRUPT,
  JsonPlusSerializer,
  type PendingWrite,
  RESUME,
  uuid6,
} from "@langchain/langgraph-checkpoint";
import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OneTripSaver } from "../../../src/server/engine/one-trip-saver.ts";
import { sharedDatabase } from "../../support/database.ts";

const database = sharedDatabase();
const stockSaver = () => new PostgresSaver(database().pool, new JsonPlusSerializer());
const ourSaver = () => new OneTripSaver(database().pool, new JsonPlusSerializer());

/** A checkpoint to put: what it is based on, the values that are new, and the channels that are empty now. */
interface Put {
  readonly id: string;
  readonly parent?: string;
  readonly values: Readonly<Record<string, unknown>>;
  readonly empty?: readonly string[];
  readonly namespace?: string;
  readonly metadata?: object;
}

const at = (thread_id: string, checkpoint_id?: string, checkpoint_ns = "") => ({
  configurable: { thread_id, checkpoint_ns, ...(checkpoint_id !== undefined && { checkpoint_id }) },
});

const toCheckpoint = ({ id, values, empty = [] }: Put): Checkpoint => ({
  ...emptyCheckpoint(),
  id,
  ts: "2026-01-01T00:00:00.000Z",
  channel_values: { ...values },
  channel_versions: Object.fromEntries([...Object.keys(values), ...empty].map((name) => [name, id.length])),
  versions_seen: { node: { a: 1.5 } },
});

async function put(saver: PostgresSaver, threadId: string, one: Put): Promise<unknown> {
  const checkpoint = toCheckpoint(one);
  const metadata = { source: "loop", step: 1, parents: {}, ...one.metadata } as CheckpointMetadata;
  const config = at(threadId, one.parent, one.namespace);
  return saver.put(config, checkpoint, metadata, checkpoint.channel_versions);
}

const [FIRST, SECOND, THIRD] = [uuid6(1), uuid6(2), uuid6(3)];

const ODD_VALUES = {
  text: "a\u0000b – ü – 🜁 – \ud800",
  nothing: null,
  missing: undefined,
  bytes: new Uint8Array([0, 255, 92, 120]),
  noBytes: new Uint8Array(),
  list: [1, "two", [3], { four: -0 }],
  messages: [new HumanMessage("hello"), new AIMessage({ content: "hi", tool_calls: [] })],
  set: new Set([1, 2]),
  snapshot: new DeltaSnapshot(["whole"]),
  'quoted "name", {with} all': 1,
};

/** Everything that a saver can be told, in an order in which LangGraph might. */
async function fill(saver: PostgresSaver, threadId: string): Promise<unknown[]> {
  const deep = "outer:1|inner:2";
  const writes = (id: string, ...list: PendingWrite[]) =>
    saver.putWrites(at(threadId, id), list, "11111111-1111-1111-1111-111111111111");
  return [
    await put(saver, threadId, { id: FIRST, values: ODD_VALUES, empty: ["__start__", "branch:to:x"] }),
    await put(saver, threadId, { id: SECOND, parent: FIRST, values: {} }),
    // The same values under the same versions: what is there already stays.
    await put(saver, threadId, { id: THIRD, parent: SECOND, values: { text: "other", list: "new" } }),
    await put(saver, threadId, { id: THIRD, parent: FIRST, values: {}, metadata: { again: true } }),
    await put(saver, threadId, { id: SECOND, namespace: deep, values: { text: "in a subgraph" } }),
    await writes(FIRST, ["a", ODD_VALUES.text], ["b", undefined], ["c", ODD_VALUES.bytes], ["a", 4]),
    await writes(FIRST, ["other", "is not written"], ["b", "neither"], ["c", 3], ["d", 4], ["e", "new"]),
    await writes(SECOND, [INTERRUPT, "asked"], ["a", 1], [RESUME, "answer"]),
    await writes(
      SECOND,
      [INTERRUPT, "asked again"],
      [RESUME, "answer again"],
      [RESUME, "the last one stays"],
    ),
    await writes(SECOND, [INTERRUPT, "not written"], ["a", "neither"]),
    await writes(SECOND),
    await saver.putWrites(at(threadId, SECOND, deep), [["a", { in: "a subgraph" }]], randomTask(1)),
    await saver.putWrites(at(threadId, THIRD), [["p", 2]], randomTask(2)),
    await saver.putWrites(at(threadId, THIRD), [["p", 1]], randomTask(1)),
  ];
}

const randomTask = (number: number) => `22222222-2222-2222-2222-22222222222${number}`;

async function rowsOf(threadId: string) {
  const read = async (table: string, order: string) => {
    const { rows } = await database().query(
      `select (to_jsonb(${table}) - 'thread_id')::text as row from ${table} where thread_id = $1 order by ${order}`,
      [threadId],
    );
    return rows.map(({ row }) => String(row).replaceAll(threadId, "thread"));
  };
  return {
    checkpoints: await read("checkpoints", "checkpoint_ns, checkpoint_id"),
    blobs: await read("checkpoint_blobs", "checkpoint_ns, channel, version"),
    writes: await read("checkpoint_writes", "checkpoint_ns, checkpoint_id, task_id, idx"),
  };
}

async function tuplesOf(saver: PostgresSaver, threadId: string): Promise<CheckpointTuple[]> {
  const tuples = [];
  for (const namespace of ["", "outer:1|inner:2"]) {
    for await (const tuple of saver.list(at(threadId, undefined, namespace))) tuples.push(tuple);
  }
  return tuples;
}

describe("next to LangGraph's own saver", () => {
  test("the rows are the same, value for value", async () => {
    const [stock, ours] = [randomUUID(), randomUUID()];
    const stockAnswers = await fill(stockSaver(), stock);
    const ourAnswers = await fill(ourSaver(), ours);
    expect(await rowsOf(ours)).toEqual(await rowsOf(stock));
    expect((await rowsOf(ours)).blobs.length).toBeGreaterThan(10);
    expect((await rowsOf(ours)).writes.length).toBeGreaterThan(10);
    expect(JSON.stringify(ourAnswers).replaceAll(ours, stock)).toBe(JSON.stringify(stockAnswers));
  });

  test.each([
    ["ours", ourSaver],
    ["the stock one's", stockSaver],
  ])("both read %s alike", async (_, writer) => {
    const threadId = randomUUID();
    await fill(writer(), threadId);
    const [ours, stock] = [ourSaver(), stockSaver()];
    const tuples = await tuplesOf(stock, threadId);
    expect(tuples.map(({ config }) => config.configurable?.["checkpoint_id"])).toEqual([
      THIRD,
      SECOND,
      FIRST,
      SECOND,
    ]);
    expect(await tuplesOf(ours, threadId)).toEqual(tuples);
    for (const { config } of tuples)
      expect(await ours.getTuple(config)).toEqual(await stock.getTuple(config));
    for (const namespace of ["", "outer:1|inner:2", "nowhere"]) {
      const latest = at(threadId, undefined, namespace);
      expect(await ours.getTuple(latest)).toEqual(await stock.getTuple(latest));
    }
    const read = tuples[2]?.checkpoint.channel_values;
    expect(read?.["messages"]).toEqual(ODD_VALUES.messages);
    expect(read?.["bytes"]).toEqual(Buffer.from(ODD_VALUES.bytes));
  });

  test.each([
    { limit: 2 },
    { limit: 0 },
    { before: at("", THIRD) },
    { filter: { again: true } },
    { filter: { again: true, step: 2 } },
    { filter: {}, limit: 1, before: at("", SECOND) },
  ])("lists what the stock one lists with %j", async (options) => {
    const threadId = randomUUID();
    await fill(ourSaver(), threadId);
    const list = (saver: PostgresSaver) => Array.fromAsync(saver.list(at(threadId), options));
    expect(await list(ourSaver())).toEqual(await list(stockSaver()));
  });

  test("checkpoints of the format before this one are translated alike", async () => {
    const threadId = randomUUID();
    const stock = stockSaver();
    await stock.put(at(threadId), { ...toCheckpoint({ id: FIRST, values: { a: 1 } }), v: 3 }, METADATA, {
      a: FIRST.length,
    });
    await stock.putWrites(at(threadId, FIRST), [["__pregel_tasks", { node: "n", args: 1 }]], randomTask(1));
    await stock.put(
      at(threadId, FIRST),
      { ...toCheckpoint({ id: SECOND, values: { a: 2 } }), v: 3 },
      METADATA,
      {},
    );
    const tuples = await tuplesOf(stock, threadId);
    expect(tuples[0]?.checkpoint.channel_values).toMatchObject({ __pregel_tasks: [{ node: "n" }] });
    expect(await tuplesOf(ourSaver(), threadId)).toEqual(tuples);
    expect(await ourSaver().getTuple(at(threadId))).toEqual(await stock.getTuple(at(threadId)));
  });
});

const METADATA: CheckpointMetadata = { source: "loop", step: 1, parents: {} };

test("a channel may have a backslash in its name, with which the stock one cannot be read any more", async () => {
  const threadId = randomUUID();
  await put(ourSaver(), threadId, { id: FIRST, values: { "C:\\x": 1 } });
  await expect(stockSaver().getTuple(at(threadId))).rejects.toThrow(/bytea/);
  const tuple = await ourSaver().getTuple(at(threadId));
  expect(tuple?.checkpoint.channel_values).toEqual({ "C:\\x": 1 });
});

test("a checkpoint and its values are there together or not at all", async () => {
  const threadId = randomUUID();
  const broken = put(ourSaver(), threadId, {
    id: FIRST,
    values: { a: 1 },
    metadata: { text: "Postgres refuses \u0000 in its JSON" },
  });
  await expect(broken).rejects.toThrow(/unsupported Unicode escape/);
  expect(await rowsOf(threadId)).toEqual({ checkpoints: [], blobs: [], writes: [] });
});

test("each takes one statement, without a transaction around it", async () => {
  const statements: unknown[] = [];
  const counting = Object.create(database().pool) as ReturnType<typeof database>["pool"];
  counting.connect = () => Promise.reject(new Error("this would be a transaction"));
  counting.query = ((...args: Parameters<typeof counting.query>) => {
    statements.push(args[0]);
    return database().pool.query(...args);
  }) as typeof counting.query;
  const saver = new OneTripSaver(counting, new JsonPlusSerializer());
  const threadId = randomUUID();
  await put(saver, threadId, { id: FIRST, values: ODD_VALUES });
  await saver.putWrites(
    at(threadId, FIRST),
    [
      ["a", 1],
      ["b", 2],
    ],
    randomTask(1),
  );
  await saver.putWrites(at(threadId, FIRST), [[INTERRUPT, 1]], randomTask(2));
  await saver.getTuple(at(threadId));
  await saver.getTuple(at(threadId, FIRST));
  await saver.getDeltaChannelHistory({ config: at(threadId), channels: ["a"] });
  const names = statements.map((statement) => (statement as { name: string }).name);
  // The first three write, all in one way.
  expect(names).toHaveLength(6);
  expect(new Set(names).size).toBe(4);
});

test("writes come back in the order of the paths of their tasks", async () => {
  const threadId = randomUUID();
  const saver = ourSaver();
  await put(saver, threadId, { id: FIRST, values: {} });
  await put(saver, threadId, { id: SECOND, parent: FIRST, values: {} });
  const paths = ["", "~__pregel_pull, a", "~__pregel_pull, b", "~__pregel_push, 0000000002", "\u{1f701}"];
  for (const [index, path] of paths.entries()) {
    await saver.putWrites(at(threadId, FIRST), [["a", path]], randomTask(9 - index), path);
  }
  const tuple = await saver.getTuple(at(threadId, FIRST));
  expect(tuple?.pendingWrites?.map(([, , value]) => value)).toEqual(paths);
  const [, listed] = await Array.fromAsync(saver.list(at(threadId)));
  expect(listed?.pendingWrites).toEqual(tuple?.pendingWrites);
  const history = await saver.getDeltaChannelHistory({ config: at(threadId), channels: ["a"] });
  expect(history["a"]?.writes).toEqual(tuple?.pendingWrites);
});

/** Checkpoints of which each goes on from any one before it, so with forks, and what was written at each. */
const anyForest = fc.array(
  fc.record({
    parent: fc.nat(),
    values: fc.dictionary(fc.constantFrom("a", "b", "c"), fc.jsonValue({ maxDepth: 1 }), {
      noNullPrototype: true,
    }),
    empty: fc.uniqueArray(fc.constantFrom("d", "e")),
    writes: fc.array(fc.tuple(fc.constantFrom("a", "b", "c", "d"), fc.nat()), { maxLength: 4 }),
  }),
  { minLength: 1, maxLength: 8 },
);

test("channels that store only their changes get the history that a walk over the ancestors gives", async () => {
  await fc.assert(
    fc.asyncProperty(anyForest, async (forest) => {
      const threadId = randomUUID();
      const ids = forest.map((_, index) => uuid6(index));
      for (const [index, { parent, values, empty, writes }] of forest.entries()) {
        const id = ids[index] ?? "";
        const parentId = index === 0 ? undefined : ids[parent % index];
        const put1 = { id, values, empty, ...(parentId !== undefined && { parent: parentId }) };
        const checkpoint = toCheckpoint(put1);
        const versions = Object.fromEntries(
          Object.keys(checkpoint.channel_versions).map((name) => [name, index + 1]),
        );
        await ourSaver().put(
          at(threadId, parentId),
          { ...checkpoint, channel_versions: versions },
          METADATA,
          versions,
        );
        await ourSaver().putWrites(at(threadId, id), writes, randomTask(1));
      }
      for (const config of [at(threadId), ...ids.map((id) => at(threadId, id)), at(threadId, "none")]) {
        const asked = { config, channels: ["a", "b", "d", "never"] };
        expect(await ourSaver().getDeltaChannelHistory(asked)).toEqual(
          await stockSaver().getDeltaChannelHistory(asked),
        );
      }
    }),
    { numRuns: 40 },
  );
});
