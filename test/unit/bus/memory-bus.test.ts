import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { createMemoryBus, type MemoryBusOptions } from "../../../src/server/bus/memory-bus.ts";
import { describeRunBus, event, readBatches, SUCCESS, settle } from "../../support/bus-contract.ts";

function memoryBus(options: Partial<MemoryBusOptions> = {}) {
  const bus = createMemoryBus({ retentionMs: 60_000, maxRetainedBytes: 2 ** 20, ...options });
  onTestFinished(() => bus[Symbol.dispose]());
  return bus;
}

describeRunBus("the memory bus", () => memoryBus());

test("a run is forgotten when its retention is over", async () => {
  const bus = memoryBus({ retentionMs: 20 });
  bus.append("run", [event(1)]);
  bus.end("run", SUCCESS);
  expect(await readBatches(bus, "run")).toHaveLength(1);
  await sleep(60);
  expect(bus.findResult("run")).toBeNull();
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
    bus.begin(runId, 1);
    bus.append(runId, [event(1)]);
    bus.release(runId);
  }
  bus.begin("back", 2);
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

test("when finished runs take too much memory, the oldest are forgotten first", () => {
  const bus = memoryBus({ maxRetainedBytes: 250 });
  for (const runId of ["first", "second", "third"]) {
    bus.append(runId, [event("x".repeat(90))]);
    bus.end(runId, SUCCESS);
  }
  expect(["first", "second", "third"].map((runId) => bus.findResult(runId) !== null)).toEqual([
    false,
    true,
    true,
  ]);
});

test("runs in progress do not count, and the last one to finish is kept even if it is too large", () => {
  const bus = memoryBus({ maxRetainedBytes: 250 });
  bus.append("going on", [event("x".repeat(1000))]);
  bus.append("small", [event("x")]);
  bus.end("small", SUCCESS);
  expect(bus.findResult("small")).not.toBeNull();
  bus.append("large", [event("x".repeat(1000))]);
  bus.end("large", SUCCESS);
  expect(bus.findResult("small")).toBeNull();
  expect(bus.findResult("large")).not.toBeNull();
});

test("what is forgotten makes room again", () => {
  const bus = memoryBus({ maxRetainedBytes: 250 });
  for (let count = 0; count < 50; count++) {
    bus.append(`run ${count}`, [event("x".repeat(90))]);
    bus.end(`run ${count}`, SUCCESS);
  }
  expect(bus.findResult("run 48")).not.toBeNull();
  expect(bus.findResult("run 49")).not.toBeNull();
});

test("a reader finishes with the events it follows, even when they are forgotten meanwhile", async () => {
  const bus = memoryBus({ maxRetainedBytes: 10 });
  bus.append("run", [event("x".repeat(20))]);
  const reader = bus.follow("run", { after: 0, signal: new AbortController().signal });
  await reader.next();
  bus.append("run", [event("last")]);
  bus.end("run", SUCCESS);
  bus.append("other", [event("x".repeat(20))]);
  bus.end("other", SUCCESS);
  expect(bus.findResult("run")).toBeNull();
  expect((await Array.fromAsync(reader)).flat().map(({ data }) => data)).toEqual(['"last"']);
});
