import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BeginningRun, RunBus } from "../../src/server/bus/run-bus.ts";
import { RunEventsDropped } from "../../src/server/domain/events-dropped.ts";
import type { NewRunEvent, RunEvent, RunResult } from "../../src/server/domain/run.ts";

export const SUCCESS: RunResult = { status: "success", values: { done: true }, interrupts: [], error: null };

const FOREVER = new AbortController().signal;

export const event = (data: unknown): NewRunEvent => ({ event: "values", data: JSON.stringify(data) });

/** Everything a reader gets, in the batches it got it in. */
export async function readBatches(
  bus: RunBus,
  runId: string,
  { after = 0, signal = FOREVER }: { after?: number | null; signal?: AbortSignal } = {},
): Promise<(readonly RunEvent[])[]> {
  return Array.fromAsync(bus.follow(runId, { after, signal }));
}

/** An attempt of a run, on a thread of its own unless it is given. */
export const begun = (run_id: string, attempt = 1, thread_id = `thread of ${run_id}`): BeginningRun => ({
  run_id,
  thread_id,
  attempt,
  isResumable: false,
});

const dataOf = (batches: readonly (readonly RunEvent[])[]) =>
  batches.flat().map(({ data }) => JSON.parse(data) as unknown);

/** Lets everything happen that is due now: what was appended is on its way to the readers after two turns. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** So much of one run has to fit into the bus that `create` makes for the contract, and twice as much must not. */
export const KEPT_BYTES = 2 ** 20;

/** Lets everything happen that is due now. */
export type Pause = () => Promise<void>;

/** Every RunBus must pass this, and `describeThreadBus`. Call it once per implementation. */
export function describeRunBus(name: string, create: () => RunBus, pause: Pause = settle): void {
  describe(name, () => {
    describeReading(create, pause);
    describeAttempts(create);
    describeDropping(create, pause);
    describeEnding(create, pause);
    describeWatching(create, pause);
    describeOwnRuns(create, pause);
  });
}

/** What holds of a bus that is written in one process and read in another. */
export function describeSplitBus(name: string, create: () => RunBus, pause: Pause = settle): void {
  describe(name, () => {
    describeReading(create, pause);
    describeDropping(create, pause);
    describeEnding(create, pause);
    describeWatching(create, pause);
  });
}

function describeReading(create: () => RunBus, pause: Pause): void {
  test("a late reader gets the events that were, then the live ones, in order and with rising numbers", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.append(runId, [event(1), event(2)]);
    const reading = readBatches(bus, runId);
    await pause();
    bus.append(runId, [event(3)]);
    await pause();
    bus.append(runId, [event(4)]);
    bus.end(runId, SUCCESS);

    const batches = await reading;
    expect(dataOf(batches)).toEqual([1, 2, 3, 4]);
    const numbers = batches.flat().map(({ seq }) => seq);
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(new Set(numbers).size).toBe(4);
  });

  test("a reader that comes before the first event gets it", async () => {
    const bus = create();
    const runId = randomUUID();
    const reading = readBatches(bus, runId);
    await pause();
    bus.begin(begun(runId, 1));
    bus.append(runId, [event(1)]);
    bus.end(runId, SUCCESS);
    expect(dataOf(await reading)).toEqual([1]);
  });

  test("the events of a run that has ended can be read again, from any place exactly the rest", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.append(runId, [1, 2, 3, 4].map(event));
    bus.end(runId, SUCCESS);

    const all = (await readBatches(bus, runId)).flat();
    expect(all).toHaveLength(4);
    for (const [index, { seq }] of all.entries()) {
      expect((await readBatches(bus, runId, { after: seq })).flat()).toEqual(all.slice(index + 1));
    }
  });

  test("a reader that resumes while the run goes on misses and repeats nothing", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.append(runId, [event(1), event(2)]);
    const first = bus.follow(runId, { after: 0, signal: FOREVER });
    const seen = (await first.next()).value ?? [];
    await first.return();
    bus.append(runId, [event(3)]);
    const reading = readBatches(bus, runId, { after: seen.at(-1)?.seq ?? -1 });
    await pause();
    bus.append(runId, [event(4)]);
    bus.end(runId, SUCCESS);
    expect([...seen.map(({ data }) => Number(data)), ...dataOf(await reading)]).toEqual([1, 2, 3, 4]);
  });

  test("what is appended in one turn of the event loop comes as one batch", async () => {
    const bus = create();
    const runId = randomUUID();
    const reading = readBatches(bus, runId);
    await pause();
    for (let count = 0; count < 10; count++) bus.append(runId, [event(count)]);
    await pause();
    for (let count = 0; count < 5; count++) bus.append(runId, [event(count)]);
    await pause();
    bus.end(runId, SUCCESS);
    expect((await reading).map((batch) => batch.length)).toEqual([10, 5]);
  });

  test("two readers both get everything, and a slow one keeps neither the other nor the run from going on", async () => {
    const bus = create();
    const runId = randomUUID();
    const slow = bus.follow(runId, { after: 0, signal: FOREVER });
    bus.append(runId, [event(1)]);
    const first = await slow.next();
    const reading = readBatches(bus, runId);
    for (const data of [2, 3]) {
      bus.append(runId, [event(data)]);
      await pause();
    }
    bus.end(runId, SUCCESS);

    expect(dataOf(await reading)).toEqual([1, 2, 3]);
    const rest = await Array.fromAsync(slow);
    expect(dataOf([first.value ?? [], ...rest])).toEqual([1, 2, 3]);
  });

  test("runs do not see each other's events", async () => {
    const bus = create();
    const [one, other] = [randomUUID(), randomUUID()];
    bus.append(one, [event("one")]);
    bus.append(other, [event("other")]);
    bus.end(one, SUCCESS);
    expect(dataOf(await readBatches(bus, one))).toEqual(["one"]);
  });

  test("a later attempt goes on after the events of the earlier one, with higher numbers", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.begin(begun(runId, 1));
    bus.append(runId, [event("first")]);
    bus.begin(begun(runId, 2));
    bus.append(runId, [event("second")]);
    bus.end(runId, SUCCESS);
    const events = (await readBatches(bus, runId)).flat();
    expect(dataOf([events])).toEqual(["first", "second"]);
    expect(events[1]?.seq).toBeGreaterThan(events[0]?.seq ?? Number.POSITIVE_INFINITY);
  });
}

function describeAttempts(create: () => RunBus): void {
  test("a reader with the number of an earlier attempt gets the whole of the later one from a bus that knows only that", async () => {
    const [elsewhere, here] = [create(), create()];
    const runId = randomUUID();
    elsewhere.begin(begun(runId, 1));
    elsewhere.append(
      runId,
      Array.from({ length: 1000 }, (_, index) => event(index)),
    );
    elsewhere.end(runId, SUCCESS);
    const last = (await readBatches(elsewhere, runId)).flat().at(-1)?.seq ?? 0;

    here.begin(begun(runId, 2));
    here.append(runId, [event("again")]);
    here.end(runId, SUCCESS);
    expect(dataOf(await readBatches(here, runId, { after: last }))).toEqual(["again"]);
  });
}

const LARGE = "x".repeat(KEPT_BYTES / 16);

/** Far more than is kept. */
const tooMany = () => Array.from({ length: 64 }, (_, index) => event(`${index} ${LARGE}`));

function describeDropping(create: () => RunBus, pause: Pause): void {
  test("a reader that keeps pace gets everything of a run that tells more than is kept", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.begin(begun(runId));
    const reading = readBatches(bus, runId);
    const all = tooMany();
    for (const one of all) {
      bus.append(runId, [one]);
      await pause();
    }
    bus.end(runId, SUCCESS);
    expect((await reading).flat().map(({ data }) => data)).toEqual(all.map(({ data }) => data));
  });

  test("much that is ready together comes in several batches, in order", async () => {
    const bus = create();
    const runId = randomUUID();
    const all = tooMany().slice(0, 12);
    bus.append(runId, all);
    bus.end(runId, SUCCESS);
    const batches = await readBatches(bus, runId);
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.flat().map(({ data }) => data)).toEqual(all.map(({ data }) => data));
  });
}

/** What holds of a bus that keeps no more than `KEPT_BYTES` of a run anywhere. */
export function describeForgetfulBus(name: string, create: () => RunBus, pause: Pause = settle): void {
  describe(`${name}, of more than it keeps`, () => {
    test.each(["goes on", "has ended"])(
      "one that comes too late for the beginning of a run that %s is told so, and from which place it can read",
      async (how) => {
        const bus = create();
        const runId = randomUUID();
        bus.begin(begun(runId));
        const all = tooMany();
        bus.append(runId, all);
        if (how === "has ended") bus.end(runId, SUCCESS);

        const upTo = await droppedUpTo(readBatches(bus, runId));
        const reading = readBatches(bus, runId, { after: upTo });
        const oldest = readBatches(bus, runId, { after: null });
        await pause();
        bus.end(runId, SUCCESS);
        const rest = (await reading).flat();
        expect(rest.length).toBeGreaterThanOrEqual(8);
        expect(rest.map(({ data }) => data)).toEqual(all.slice(-rest.length).map(({ data }) => data));
        expect(rest[0]?.seq).toBe(upTo + 1);
        expect((await oldest).flat()).toEqual(rest);
      },
    );

    test("one that does not read on is told what it has missed, and the run did not wait for it", async () => {
      const bus = create();
      const runId = randomUUID();
      bus.begin(begun(runId));
      bus.append(runId, [event("seen")]);
      const slow = bus.follow(runId, { after: 0, signal: FOREVER });
      const seen = (await slow.next()).value ?? [];
      for (const one of tooMany()) {
        bus.append(runId, [one]);
        await pause();
      }
      bus.end(runId, SUCCESS);
      expect(dataOf([seen])).toEqual(["seen"]);
      await expect(slow.next()).rejects.toBeInstanceOf(RunEventsDropped);
    });
  });
}

/** The number up to which a reader was told that events are gone. */
async function droppedUpTo(reading: Promise<unknown>): Promise<number> {
  const error = await reading.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof RunEventsDropped)) throw new Error("nothing was told", { cause: error });
  return error.upTo;
}

function describeEnding(create: () => RunBus, pause: Pause): void {
  test("the first end counts: a second one and later events change nothing", async () => {
    const bus = create();
    const runId = randomUUID();
    bus.append(runId, [event(1)]);
    bus.end(runId, SUCCESS);
    bus.end(runId, { ...SUCCESS, status: "error" });
    bus.append(runId, [event(2)]);

    expect(dataOf(await readBatches(bus, runId))).toEqual([1]);
    expect(await bus.findResult(runId)).toEqual(SUCCESS);
    expect(await bus.waitForEnd(runId, FOREVER)).toEqual(SUCCESS);
  });

  test("everyone who waits for the end hears of it, whether they came before or after", async () => {
    const bus = create();
    const runId = randomUUID();
    const waiting = [bus.waitForEnd(runId, FOREVER), bus.waitForEnd(runId, FOREVER)];
    await pause();
    bus.append(runId, [event(1)]);
    await pause();
    bus.end(runId, SUCCESS);
    expect(await Promise.all([...waiting, bus.waitForEnd(runId, FOREVER)])).toEqual([
      SUCCESS,
      SUCCESS,
      SUCCESS,
    ]);
  });

  test("an aborted reader stops, without ending the run for others", async () => {
    const bus = create();
    const runId = randomUUID();
    const leaving = new AbortController();
    const left = readBatches(bus, runId, { signal: leaving.signal });
    const staying = readBatches(bus, runId);
    await pause();
    bus.append(runId, [event(1)]);
    await pause();
    leaving.abort();
    expect(dataOf(await left)).toEqual([1]);

    bus.append(runId, [event(2)]);
    bus.end(runId, SUCCESS);
    expect(dataOf(await staying)).toEqual([1, 2]);
  });

  test("whoever waits with a signal that aborts gets null, also when it has aborted before", async () => {
    const bus = create();
    const leaving = new AbortController();
    const left = bus.waitForEnd(randomUUID(), leaving.signal);
    await pause();
    leaving.abort();
    expect(await left).toBeNull();
    expect(await bus.waitForEnd(randomUUID(), leaving.signal)).toBeNull();
    expect(await readBatches(bus, randomUUID(), { signal: leaving.signal })).toEqual([]);
  });
}

function describeWatching(create: () => RunBus, pause: Pause): void {
  test("a run is watched while someone follows it or waits for it, and it has not ended", async () => {
    const bus = create();
    const [followed, awaited, alone] = [randomUUID(), randomUUID(), randomUUID()];
    const leaving = new AbortController();
    const following = readBatches(bus, followed, { signal: leaving.signal });
    const waiting = bus.waitForEnd(awaited, FOREVER);
    bus.append(alone, [event(1)]);
    await pause();
    expect(bus.watchedRuns().toSorted()).toEqual([followed, awaited].toSorted());
    expect([followed, awaited, alone, randomUUID()].map(bus.isWatched)).toEqual([true, true, false, false]);

    leaving.abort();
    bus.end(awaited, SUCCESS);
    await Promise.all([following, waiting]);
    expect(bus.watchedRuns()).toEqual([]);
  });

  test("a run that is unknown or goes on has no result", async () => {
    const bus = create();
    const runId = randomUUID();
    expect(await bus.findResult(runId)).toBeNull();
    bus.begin(begun(runId, 1));
    expect(await bus.findResult(runId)).toBeNull();
  });
}

function describeOwnRuns(create: () => RunBus, pause: Pause): void {
  test("a run that this process executes is not among those whose end has to come from elsewhere", async () => {
    const bus = create();
    const runId = randomUUID();
    const waiting = bus.waitForEnd(runId, FOREVER);
    await pause();
    bus.begin(begun(runId, 1));
    expect([bus.isWatched(runId), bus.watchedRuns()]).toEqual([false, []]);
    bus.release(runId);
    expect([bus.isWatched(runId), bus.watchedRuns()]).toEqual([true, [runId]]);
    bus.begin(begun(runId, 2));
    expect(bus.isWatched(runId)).toBe(false);
    bus.end(runId, SUCCESS);
    bus.release(runId);
    expect(await waiting).toEqual(SUCCESS);
    expect(bus.isWatched(runId)).toBe(false);
  });
}
