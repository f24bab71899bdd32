import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { createMemoryBus, type MemoryBusOptions } from "../../../src/server/bus/memory-bus.ts";
import { RunEventsDropped, ThreadEventsDropped } from "../../../src/server/domain/events-dropped.ts";
import {
  begun,
  describeForgetfulBus,
  describeRunBus,
  event,
  KEPT_BYTES,
  readBatches,
  SUCCESS,
  settle,
} from "../../support/bus-contract.ts";
import { describeThreadBus, execute, readKept, sketch, stateOf } from "../../support/thread-bus-contract.ts";

function memoryBus(options: Partial<MemoryBusOptions> = {}) {
  const bus = createMemoryBus({
    retentionMs: 60_000,
    maxRunBytes: 1.5 * KEPT_BYTES,
    maxRunningBytes: 4 * KEPT_BYTES,
    maxRetainedBytes: 4 * KEPT_BYTES,
    ...options,
  });
  onTestFinished(() => bus[Symbol.dispose]());
  return bus;
}

describeRunBus("the memory bus", () => memoryBus());
describeForgetfulBus("the memory bus", () => memoryBus());
describeThreadBus("the memory bus", () => memoryBus());

/** An event that takes about a kibibyte. */
const kibibyte = (of: unknown = "") => event(`${of} ${"x".repeat(800)}`);

test("a run is forgotten when its retention is over", async () => {
  const bus = memoryBus({ retentionMs: 20 });
  bus.append("run", [event(1)]);
  bus.end("run", SUCCESS);
  expect(await readBatches(bus, "run")).toHaveLength(1);
  await sleep(60);
  expect(await bus.findResult("run")).toBeNull();
});

test("a run that goes on is kept, however long it takes", async () => {
  const bus = memoryBus({ retentionMs: 1 });
  bus.append("run", [event(1)]);
  await sleep(20);
  const reading = readBatches(bus, "run");
  await settle();
  bus.end("run", SUCCESS);
  expect((await reading).flat()).toHaveLength(1);
});

test("what was written of a run that went elsewhere is forgotten, unless it comes back or someone still reads", async () => {
  const bus = memoryBus({ retentionMs: 20 });
  const leaving = new AbortController();
  for (const runId of ["gone", "back", "read"]) {
    bus.begin(begun(runId));
    bus.append(runId, [event(1)]);
    bus.release(runId);
  }
  bus.begin(begun("back", 2));
  const reading = readBatches(bus, "read", { signal: leaving.signal });
  await sleep(60);
  bus.append("read", [event(2)]);
  await settle();
  leaving.abort();
  expect((await reading).flat()).toHaveLength(2);
  bus.end("back", SUCCESS);
  bus.end("gone", SUCCESS);
  expect((await readBatches(bus, "back")).flat()).toHaveLength(1);
  expect(await readBatches(bus, "gone")).toEqual([]);
});

test("when finished runs take too much memory, the oldest are forgotten first", async () => {
  const bus = memoryBus({ maxRetainedBytes: 2500 });
  for (const runId of ["first", "second", "third"]) {
    bus.append(runId, [kibibyte()]);
    bus.end(runId, SUCCESS);
  }
  const results = await Promise.all(["first", "second", "third"].map(bus.findResult));
  expect(results.map((result) => result !== null)).toEqual([false, true, true]);
});

test("the state that a run has left counts like its events", async () => {
  const bus = memoryBus({ maxRetainedBytes: 2500 });
  for (const runId of ["first", "second", "third"]) {
    bus.end(runId, { ...SUCCESS, values: { text: "x".repeat(1000) } });
  }
  expect(await bus.findResult("first")).toBeNull();
  expect(await bus.findResult("second")).not.toBeNull();
});

test("runs in progress do not count, and the last one to finish is kept even if it is too large", async () => {
  const bus = memoryBus({ maxRetainedBytes: 2500 });
  bus.append("going on", [1, 2, 3].map(kibibyte));
  bus.append("small", [event("x")]);
  bus.end("small", SUCCESS);
  expect(await bus.findResult("small")).not.toBeNull();
  bus.append("large", [1, 2, 3].map(kibibyte));
  bus.end("large", SUCCESS);
  expect(await bus.findResult("small")).toBeNull();
  expect(await bus.findResult("large")).not.toBeNull();
});

test("what is forgotten makes room again", async () => {
  const bus = memoryBus({ maxRetainedBytes: 2500 });
  for (let count = 0; count < 50; count++) {
    bus.append(`run ${count}`, [kibibyte()]);
    bus.end(`run ${count}`, SUCCESS);
  }
  expect(await bus.findResult("run 48")).not.toBeNull();
  expect(await bus.findResult("run 49")).not.toBeNull();
});

describe("runs that go on", () => {
  test("share a limit: the one that has told most loses its oldest events", async () => {
    const bus = memoryBus({ maxRunningBytes: 20_000 });
    for (let count = 0; count < 5; count++) bus.append("modest", [kibibyte(count)]);
    for (let count = 0; count < 100; count++) bus.append("talkative", [kibibyte(count)]);
    for (const runId of ["modest", "talkative"]) bus.end(runId, SUCCESS);
    expect((await readBatches(bus, "modest")).flat()).toHaveLength(5);
    await expect(readBatches(bus, "talkative")).rejects.toBeInstanceOf(RunEventsDropped);
    const kept = (await readBatches(bus, "talkative", { after: null })).flat();
    expect(kept.length).toBeGreaterThan(5);
    expect(kept.length).toBeLessThan(20);
  });

  test("that end or are given up leave their room to others", async () => {
    const bus = memoryBus({ maxRunningBytes: 10_000, retentionMs: 10 });
    for (let count = 0; count < 10; count++) {
      bus.begin(begun(`ended ${count}`));
      bus.append(`ended ${count}`, [1, 2, 3, 4].map(kibibyte));
      bus.end(`ended ${count}`, SUCCESS);
      bus.begin(begun(`left ${count}`));
      bus.append(`left ${count}`, [1, 2, 3, 4].map(kibibyte));
      bus.release(`left ${count}`);
      await sleep(30);
    }
    bus.append("last", [1, 2, 3, 4, 5, 6].map(kibibyte));
    bus.end("last", SUCCESS);
    expect((await readBatches(bus, "last")).flat()).toHaveLength(6);
  });

  test("keep their last event, however large it is: nobody has had a chance to read it", async () => {
    const bus = memoryBus({ maxRunBytes: 1000 });
    const reading = readBatches(bus, "run");
    for (const data of ["one", "two"]) {
      bus.append("run", [event(data.repeat(1000))]);
      await settle();
    }
    bus.end("run", SUCCESS);
    expect((await reading).flat()).toHaveLength(2);
  });

  test("count short events for what they take", async () => {
    const bus = memoryBus({ maxRunBytes: 100_000 });
    bus.append(
      "run",
      Array.from({ length: 10_000 }, () => event(1)),
    );
    bus.end("run", SUCCESS);
    expect((await readBatches(bus, "run", { after: null })).flat().length).toBeLessThan(1000);
  });
});

describe("a reader of a run that has ended", () => {
  test("may take longer than the retention", async () => {
    const bus = memoryBus({ retentionMs: 10 });
    bus.append("run", [event(1)]);
    const reader = bus.follow("run", { after: 0, signal: new AbortController().signal });
    await reader.next();
    bus.append("run", [event("last")]);
    bus.end("run", SUCCESS);
    await sleep(50);
    expect((await Array.fromAsync(reader)).flat().map(({ data }) => data)).toEqual(['"last"']);
    await sleep(50);
    expect(await bus.findResult("run")).toBeNull();
  });

  test("holds no events when their room is needed, and is told what it has missed", async () => {
    const bus = memoryBus({ maxRetainedBytes: 2500 });
    bus.append("run", [kibibyte(1)]);
    const readers = [1, 2].map(() => bus.follow("run", { after: 0, signal: new AbortController().signal }));
    const [behind, done] = readers as [(typeof readers)[number], (typeof readers)[number]];
    await behind.next();
    await done.next();
    bus.append("run", [kibibyte(2)]);
    await done.next();
    bus.end("run", SUCCESS);
    bus.append("other", [1, 2, 3].map(kibibyte));
    bus.end("other", SUCCESS);
    expect(await bus.findResult("run")).toBeNull();
    await expect(behind.next()).rejects.toBeInstanceOf(RunEventsDropped);
    expect(await done.next()).toMatchObject({ done: true });
  });
});

describe("a thread", () => {
  test("is forgotten with its runs and states, and whoever needs them is told", async () => {
    const bus = memoryBus({ retentionMs: 10 });
    execute(bus, "thread", "one");
    bus.publishState("thread", stateOf({}));
    const [began, ended, updated] = await readKept(bus, "thread");
    await sleep(50);
    expect(await readKept(bus, "thread")).toEqual([]);
    await expect(readKept(bus, "thread", { from: began?.id ?? null })).rejects.toMatchObject({
      upTo: { ...ended?.id, seq: 0 },
    });
    // This one misses nothing of what it asks for.
    expect(await readKept(bus, "thread", { from: ended?.id ?? null, kinds: ["runs"] })).toEqual([]);
    expect(await readKept(bus, "thread", { from: updated?.id ?? null })).toEqual([]);
  });

  test("that was quiet for long has nothing to tell to whoever has seen all of it", async () => {
    const bus = memoryBus({ retentionMs: 10 });
    execute(bus, "thread", "one");
    const last = (await readKept(bus, "thread")).at(-1);
    await sleep(50);
    execute(bus, "busy thread", "other");
    await sleep(50);
    execute(bus, "thread", "two");
    expect(sketch(await readKept(bus, "thread", { from: last?.id ?? null })).slice(-2)).toEqual([
      "run_began two",
      "run_ended two",
    ]);
  });

  test("waits with that for those who follow it and have not been told", async () => {
    const bus = memoryBus({ retentionMs: 10 });
    const leaving = new AbortController();
    const options = { from: null, kinds: ["runs", "state"], signal: leaving.signal } as const;
    const reader = bus.followThread("thread", options);
    const first = reader.next();
    await settle();
    execute(bus, "thread", "one");
    bus.publishState("thread", stateOf({}));
    await first;
    await sleep(50);
    const rest = [await reader.next(), await reader.next()].flatMap(({ value }) => value ?? []);
    expect(sketch(rest)).toEqual(["run_ended one", "state_updated"]);
    leaving.abort();
    await reader.return();
    await sleep(50);
    expect(await readKept(bus, "thread")).toEqual([]);
    expect(await bus.findResult("one")).toBeNull();
  });

  test("loses its oldest states when they take too much memory", async () => {
    const bus = memoryBus({ maxRetainedBytes: 5000 });
    const { id } = await bus.findLatest("thread");
    for (let count = 0; count < 10; count++) bus.publishState("thread", stateOf({ text: "x".repeat(1000) }));
    const kept = await readKept(bus, "thread");
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThan(5);
    await expect(readKept(bus, "thread", { from: id })).rejects.toBeInstanceOf(ThreadEventsDropped);
  });

  test("keeps the run that goes on, however long it takes", async () => {
    const bus = memoryBus({ retentionMs: 10 });
    bus.begin(begun("one", 1, "thread"));
    bus.publishState("thread", stateOf({}));
    await sleep(50);
    expect(sketch(await readKept(bus, "thread"))).toEqual(["run_began one"]);
  });
});
