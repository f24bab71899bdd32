import { inspect } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import type { LogBatch } from "../../../src/server/bus/event-log.ts";
import { openRedis } from "../../../src/server/bus/redis.ts";
import { createRedisEventLog } from "../../../src/server/bus/redis-event-log.ts";
import { openRedisNotices } from "../../../src/server/bus/redis-notices.ts";
import { firstSeq } from "../../../src/server/bus/run-bus.ts";
import { createSharedBus } from "../../../src/server/bus/shared-bus.ts";
import { RunEventsDropped } from "../../../src/server/domain/events-dropped.ts";
import { begun, event, KEPT_BYTES, readBatches, SUCCESS } from "../../support/bus-contract.ts";
import { openTestRedis, sharedRedis } from "../../support/redis.ts";
import { startTestRedis, type TestRedis } from "../../support/redis-server.ts";
import { stateOf } from "../../support/thread-bus-contract.ts";

const RETENTION_MS = 60_000;
const SILENCE_MS = 600_000;

const redis = sharedRedis();
const openLog = (client = redis().client) =>
  createRedisEventLog(client, { retentionMs: RETENTION_MS, silenceMs: SILENCE_MS });

const eventsFrom = (run_id: string, first: number, count = 2) =>
  Array.from({ length: count }, (_, index) => ({ run_id, seq: first + index, ...event(first + index) }));

const batchOf = (batch: Partial<LogBatch>): LogBatch => ({ events: [], ends: [], entries: [], ...batch });

const seqsAfter = async (after: number, maxBytes = 1000, upTo = firstSeq(9)) =>
  (await openLog().read({ run_id: "run", after, upTo, maxBytes })).map(({ seq }) => seq);

/** Key → in how many milliseconds it expires; -1 is never. */
async function expiries(): Promise<Record<string, number>> {
  const { server } = redis();
  const keys = (await server.command("keys", "*")) as string[];
  const entries = await Promise.all(
    keys.map(async (key) => [key, Number(await server.command("pttl", key))] as const),
  );
  return Object.fromEntries(entries);
}

test("a batch that is sent again changes nothing, and one that was written in part is completed", async () => {
  const log = openLog();
  const began = {
    thread_id: "thread",
    id: { ms: 1, n: 0 },
    kind: "run_began",
    run_id: "run",
    attempt: 1,
    is_past: false,
  } as const;
  const ends = [{ run_id: "run", last_seq: 3, result: SUCCESS }];
  await log.append(batchOf({ events: eventsFrom("run", 1) }));
  for (let count = 0; count < 2; count++) {
    await log.append(batchOf({ events: eventsFrom("run", 1, 3), ends, entries: [began] }));
  }
  await log.append(batchOf({ ends: [{ run_id: "run", last_seq: 9, result: { ...SUCCESS, values: null } }] }));
  expect(await log.readNews([{ run_id: "run", after: 0 }])).toEqual([
    {
      run_id: "run",
      events: eventsFrom("run", 1, 3).map(({ run_id: _, ...it }) => it),
      isComplete: true,
      end: { last_seq: 3, result: SUCCESS },
    },
  ]);
  expect(await log.readThreads({ thread_ids: ["thread"], recentMs: null })).toEqual([began]);
});

test("events of an earlier attempt that are written later are read before those of the next one", async () => {
  const log = openLog();
  await log.append(batchOf({ events: eventsFrom("run", firstSeq(3)) }));
  await log.append(batchOf({ events: eventsFrom("run", firstSeq(1)) }));
  await log.append(batchOf({ events: eventsFrom("run", firstSeq(2)) }));
  const all = [1, 2, firstSeq(2), firstSeq(2) + 1, firstSeq(3), firstSeq(3) + 1];
  for (const [index, after] of [0, ...all].entries())
    expect(await seqsAfter(after)).toEqual(all.slice(index));
  expect(await seqsAfter(0, 1000, firstSeq(2))).toEqual(all.slice(0, 3));
  expect(await log.readLastSeqs(["other", "run"])).toEqual(new Map([["run", firstSeq(3) + 1]]));
});

test("what is read at a time has a limit in bytes, and is at least one event", async () => {
  const log = openLog();
  await log.append(batchOf({ events: eventsFrom("run", 1, 300) }));
  expect(await seqsAfter(0, 1)).toEqual([1]);
  expect(await seqsAfter(0, 10)).toHaveLength(10);
  expect(await seqsAfter(7)).toEqual(Array.from({ length: 293 }, (_, index) => index + 8));
  const large = Array.from({ length: 3 }, (_, run) => ({
    ...event("x".repeat(700_000)),
    run_id: `large ${run}`,
  }));
  await log.append(batchOf({ events: large.flatMap((it) => [1, 2, 3].map((seq) => ({ ...it, seq }))) }));
  const wanted = Array.from({ length: 250 }, (_, index) => ({ run_id: `large ${index}`, after: 0 }));
  const news = await log.readNews(wanted);
  expect(news.map(({ events, isComplete }) => [events.length, isComplete])).toEqual([
    [2, false],
    [2, false],
    [2, false],
  ]);
});

test("everything that is kept expires: while a run goes on late, and soon after its end", async () => {
  const log = openLog();
  const entry = (n: number, kind: "run_began" | "run_ended", run_id: string) =>
    ({
      thread_id: "thread",
      id: { ms: 1, n },
      kind,
      run_id,
      ...(kind === "run_began" && { attempt: 1 }),
    }) as never;
  await log.append(
    batchOf({
      events: [...eventsFrom("run", 1), ...eventsFrom("run", firstSeq(2))],
      entries: [entry(0, "run_began", "run")],
    }),
  );
  const during = await expiries();
  expect(Object.keys(during).sort()).toEqual([
    "aegra:run:run:1",
    "aegra:run:run:2",
    "aegra:run:run:attempts",
    "aegra:thread:thread",
    "aegra:thread:thread:entries",
  ]);
  for (const ms of Object.values(during)) expect(ms).toBeGreaterThan(RETENTION_MS);

  const ends = [{ run_id: "run", last_seq: firstSeq(2) + 1, result: SUCCESS }];
  await log.append(batchOf({ ends, entries: [entry(1, "run_ended", "run")] }));
  await log.append(batchOf({ events: eventsFrom("run", firstSeq(2) + 2, 1) }));
  const state = {
    thread_id: "thread",
    id: { ms: 1, n: 2 },
    kind: "state_updated",
    state: stateOf({}),
    is_past: false,
  } as const;
  await log.append(batchOf({ entries: [state] }));
  const afterwards = await expiries();
  expect(Object.keys(afterwards)).toHaveLength(6);
  for (const ms of Object.values(afterwards)) {
    expect(ms).toBeGreaterThan(0);
    expect(ms).toBeLessThanOrEqual(RETENTION_MS);
  }

  // The end of one that is told after the beginning of the next.
  await log.append(batchOf({ entries: [entry(3, "run_began", "next")] }));
  await log.append(batchOf({ entries: [entry(4, "run_ended", "run")] }));
  expect((await expiries())["aegra:thread:thread"]).toBeGreaterThan(RETENTION_MS);
});

test("of a thread in use, what belongs to runs that ended long ago goes", async () => {
  const { client, server } = redis();
  const log = openLog(client);
  const write = (n: number, it: object) =>
    log.append(batchOf({ entries: [{ thread_id: "thread", id: { ms: 1, n }, ...it } as never] }));
  await write(0, { kind: "run_began", run_id: "old", attempt: 1 });
  await write(1, { kind: "state_updated", state: stateOf({ old: true }) });
  await write(2, { kind: "run_ended", run_id: "old" });
  await write(3, { kind: "run_began", run_id: "long", attempt: 1 });
  for (const member of (await server.command("zrange", "aegra:thread:thread", "0", "-1")) as string[]) {
    await server.command("zadd", "aegra:thread:thread", "1", member);
  }
  await write(4, { kind: "run_ended", run_id: "long" });
  await write(5, { kind: "run_began", run_id: "new", attempt: 1 });
  const kept = await log.readThreads({ thread_ids: ["thread"], recentMs: null });
  expect(kept.map(({ id }) => id.n)).toEqual([3, 4, 5]);
  expect(await server.command("hlen", "aegra:thread:thread:entries")).toBe(3);
  const recent = await log.readThreads({ thread_ids: ["thread"], recentMs: 10_000 });
  expect(recent.map(({ id }) => id.n)).toEqual([4, 5]);
});

test("Redis may forget the scripts", async () => {
  await redis().server.command("script", "flush");
  await openLog().append(batchOf({ events: eventsFrom("run", 1) }));
  await redis().server.command("script", "flush");
  expect(await seqsAfter(0)).toEqual([1, 2]);
});

test("what Redis cannot be asked for is refused, and what it cannot do now may be tried again", async () => {
  const { client, server } = redis();
  const log = openLog(client);
  await server.command("set", "aegra:run:run:1", "of somebody else");
  const refused = await log
    .append(batchOf({ events: eventsFrom("run", 1) }))
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: "RedisError", kind: "refused" });
  expect(log.isRetriable(refused)).toBe(false);
  await server.command("config", "set", "maxmemory", "1");
  const full = await log.append(batchOf({ events: eventsFrom("other", 1) })).catch((error: unknown) => error);
  await server.command("config", "set", "maxmemory", "0");
  expect(full).toMatchObject({ name: "RedisError", kind: "busy" });
  expect(log.isRetriable(full)).toBe(true);
});

/** A Redis of the test's own, to be ill-treated. */
async function ownRedis(settings: Record<string, string> = {}): Promise<TestRedis> {
  const server = await startTestRedis(settings);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return server;
}

async function ownBus(server: TestRedis, instanceId: string, told: string[] = []) {
  const client = await openTestRedis(server.url, {
    onAway: () => told.push("away"),
    onBack: () => told.push("back"),
  });
  const bus = createSharedBus(openLog(client), {
    retentionMs: RETENTION_MS,
    maxRunBytes: KEPT_BYTES,
    maxRunningBytes: 8 * KEPT_BYTES,
    maxRetainedBytes: 8 * KEPT_BYTES,
    pollMs: 30,
    announce: (written) => notices.send(written),
    want: () => undefined,
    onError: () => undefined,
  });
  const notices = openRedisNotices(client, { instanceId, onWritten: bus.written });
  onTestFinished(async () => {
    notices[Symbol.dispose]();
    await bus[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
  });
  return bus;
}

const datasOf = (batches: readonly (readonly { readonly data: string }[])[]) =>
  batches.flat().map(({ data }) => JSON.parse(data) as unknown);

test("a Redis that is away for a while gets everything afterwards, and is told of once", async () => {
  const server = await ownRedis();
  const told: string[] = [];
  const [one, other] = [await ownBus(server, "one", told), await ownBus(server, "other")];
  const here = readBatches(one, "run");
  const elsewhere = readBatches(other, "run");
  await server.kill();
  one.begin(begun("run"));
  for (let count = 0; count < 3; count++) {
    one.append("run", [event(count)]);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  expect(await other.findResult("run")).toBeNull();
  one.end("run", SUCCESS);
  // Not held up by Redis.
  expect(datasOf(await here)).toEqual([0, 1, 2]);
  await server.start();
  expect(datasOf(await elsewhere)).toEqual([0, 1, 2]);
  expect(told).toEqual(["away", "back"]);
});

test("a Redis that comes back empty: a reader elsewhere is told what it has missed, and reads on", async () => {
  const server = await ownRedis();
  const [one, other] = [await ownBus(server, "one"), await ownBus(server, "other")];
  one.begin(begun("run"));
  one.append("run", [1, 2, 3].map(event));
  await one.flushed();
  await server.kill();
  await server.start();
  one.append("run", [4, 5].map(event));
  one.end("run", SUCCESS);
  expect(await other.waitForEnd("run", new AbortController().signal)).toEqual(SUCCESS);
  const error: unknown = await readBatches(other, "run").catch((reason: unknown) => reason);
  if (!(error instanceof RunEventsDropped)) throw new Error("nothing was told", { cause: error });
  expect(error.upTo).toBe(3);
  expect(datasOf(await readBatches(other, "run", { after: 3 }))).toEqual([4, 5]);
  // What a process has in its own memory is not lost with Redis.
  expect(datasOf(await readBatches(one, "run"))).toEqual([1, 2, 3, 4, 5]);
});

test("a Redis that does not answer holds up nobody", async () => {
  const server = await ownRedis();
  const [one, other] = [await ownBus(server, "one"), await ownBus(server, "other")];
  const elsewhere = readBatches(other, "run");
  one.begin(begun("run"));
  await one.flushed();
  server.pause();
  const here = readBatches(one, "run");
  one.append("run", [event(1)]);
  one.end("run", SUCCESS);
  expect(datasOf(await here)).toEqual([1]);
  expect(await other.findResult("run")).toBeNull();
  server.resume();
  expect(datasOf(await elsewhere)).toEqual([1]);
});

test("a Redis without room keeps no run from going on, and takes what comes when there is some", async () => {
  const server = await ownRedis({ maxmemory: "3mb" });
  const [one, other] = [await ownBus(server, "one"), await ownBus(server, "other")];
  one.begin(begun("large"));
  for (let count = 0; count < 64; count++) {
    one.append("large", [event(`${count} ${"x".repeat(2 ** 16)}`)]);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  one.end("large", SUCCESS);
  expect(await one.findResult("large")).toEqual(SUCCESS);
  expect(await other.findResult("large")).toBeNull();
  await server.command("flushall");
  await server.command("config", "set", "maxmemory", "0");
  expect(await other.waitForEnd("large", new AbortController().signal)).toEqual(SUCCESS);
});

test("neither a password nor what was to be written is in an error", async () => {
  const server = await ownRedis({ requirepass: "correct" });
  const errors: unknown[] = [];
  const url = server.url.replace("//", "//:wrong-secret@");
  const client = await openTestRedis(url, { onAway: (error) => errors.push(error) });
  onTestFinished(() => client[Symbol.asyncDispose]());
  const log = openLog(client);
  errors.push(
    await log.append(batchOf({ events: eventsFrom("private", 1) })).catch((error: unknown) => error),
  );
  expect(errors).toHaveLength(2);
  expect(inspect(errors, { depth: 10, showHidden: true })).toContain("RedisError");
  expect(inspect(errors, { depth: 10, showHidden: true })).not.toMatch(/secret|private/);

  const right = await openTestRedis(server.url.replace("//", "//:correct@"));
  onTestFinished(() => right[Symbol.asyncDispose]());
  await openLog(right).append(batchOf({ events: eventsFrom("run", 1) }));
  expect(await openLog(right).readLastSeqs(["run"])).toEqual(new Map([["run", 2]]));
});

test("deployments with prefixes of their own share a Redis without seeing each other", async () => {
  const { server } = redis();
  const silent = { onAway: () => undefined, onBack: () => undefined };
  const [mine, theirs] = await Promise.all(
    ["mine:", "theirs:"].map((keyPrefix) => openRedis({ url: server.url, keyPrefix, ...silent })),
  );
  if (mine === undefined || theirs === undefined) throw new Error("both are open");
  onTestFinished(() => mine[Symbol.asyncDispose]());
  onTestFinished(() => theirs[Symbol.asyncDispose]());
  await openLog(mine).append(batchOf({ events: eventsFrom("run", 1) }));
  expect(await openLog(theirs).readLastSeqs(["run"])).toEqual(new Map());
  const heard = Promise.withResolvers<unknown>();
  const told: unknown[] = [];
  openRedisNotices(theirs, { instanceId: "a", onWritten: (written) => written && told.push(written) });
  openRedisNotices(mine, { instanceId: "b", onWritten: (written) => written && heard.resolve(written) });
  await expect.poll(() => server.command("pubsub", "numsub", "mine:written")).toEqual(["mine:written", 1]);
  openRedisNotices(mine, { instanceId: "c", onWritten: () => undefined }).send({
    runs: ["run"],
    threads: [],
  });
  expect(await heard.promise).toEqual({ runs: ["run"], threads: [] });
  expect(told).toEqual([]);
});
