import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";
import type { EventLog } from "../../../src/server/bus/event-log.ts";
import { createRedisEventLog } from "../../../src/server/bus/redis-event-log.ts";
import { firstSeq, type RunBus } from "../../../src/server/bus/run-bus.ts";
import { createSharedBus, type SharedBus } from "../../../src/server/bus/shared-bus.ts";
import { RunEventsDropped } from "../../../src/server/domain/events-dropped.ts";
import { createEventLog } from "../../../src/server/event-log.ts";
import { pruneRunEvents } from "../../../src/server/persistence/run-events.ts";
import {
  begun,
  describeRunBus,
  describeSplitBus,
  event,
  KEPT_BYTES,
  readBatches,
  SUCCESS,
} from "../../support/bus-contract.ts";
import { sharedDatabase } from "../../support/database.ts";
import { sharedRedis } from "../../support/redis.ts";
import {
  describeThreadBus,
  readKept,
  readThread,
  sketch,
  stateOf,
} from "../../support/thread-bus-contract.ts";

const FOREVER = new AbortController().signal;
const FOUND = { beginning: event("beginning"), end: event("found"), result: { ...SUCCESS, values: null } };
/** Longer than it takes to write to the log and read from it. */
const pause = () => sleep(80);
const UNHEARD_MS = 30;

const db = sharedDatabase();
beforeEach(async () => void (await db().query("truncate run_events, run_ends, thread_entries")));

const redis = sharedRedis();

interface Options {
  readonly log?: EventLog;
  readonly maxRunBytes?: number;
  readonly peers?: SharedBus[];
}

/** The bus of one process; it tells its peers what it wrote, and without any they have to look. */
function sharedBusOn(
  shared: EventLog,
  { log = shared, maxRunBytes = 1.5 * KEPT_BYTES, peers = [] }: Options = {},
) {
  const bus = createSharedBus(log, {
    retentionMs: 60_000,
    maxRunBytes,
    maxRunningBytes: 64 * KEPT_BYTES,
    maxRetainedBytes: 64 * KEPT_BYTES,
    pollMs: UNHEARD_MS,
    announce: (written) => {
      for (const peer of peers) peer.written(written);
    },
    want: (wanted) => {
      for (const peer of peers) peer.wanted(wanted);
    },
    onError: () => undefined,
  });
  onTestFinished(async () => bus[Symbol.asyncDispose]());
  return bus;
}

/** Two processes that hear what the other wants, and that others have written. */
function hearingBusesOf(sharedBus: (options: Options) => SharedBus) {
  const ones: SharedBus[] = [];
  const others: SharedBus[] = [];
  const one = sharedBus({ peers: ones });
  const other = sharedBus({ peers: others });
  ones.push(other);
  others.push(one);
  for (const bus of [one, other]) bus.setHearing(true);
  return [one, other] as const;
}

const LOGS = [
  {
    name: "Postgres",
    openLog: () => createEventLog(db()),
    forget: (runId: string, seq: number) =>
      db().query("delete from run_events where run_id = $1 and seq = $2", [runId, seq]),
  },
  {
    name: "Redis",
    openLog: () => createRedisEventLog(redis().client, { retentionMs: 60_000, silenceMs: 60_000 }),
    forget: (runId: string, seq: number) =>
      redis().server.command("xdel", `aegra:run:${runId}:1`, `${seq}-0`),
  },
];

const datasOf = (batches: readonly (readonly { readonly data: string }[])[]) =>
  batches.flat().map(({ data }) => JSON.parse(data) as unknown);

describe.each(LOGS)("through $name", ({ openLog, forget }) => {
  const sharedBus = (options: Options = {}) => sharedBusOn(openLog(), options);

  /**
   * Two processes as one: what is written goes to the one, and what is read comes from the other.
   * Everything that is asked of a single bus has to hold for it.
   */
  function twoBuses(): RunBus {
    const peers: SharedBus[] = [];
    const writer = sharedBus({ peers });
    const reader = sharedBus();
    peers.push(reader);
    return {
      ...reader,
      begin: writer.begin,
      append: writer.append,
      release: writer.release,
      end: writer.end,
      publishState: writer.publishState,
      flushed: writer.flushed,
      async findLatest(threadId) {
        await writer.flushed();
        return reader.findLatest(threadId);
      },
    };
  }

  /** The same as one. Others are asked for what rows tell of. */
  function twoHearingBuses(): RunBus {
    const [writer, reader] = hearingBusesOf(sharedBus);
    return {
      ...reader,
      begin: writer.begin,
      append: writer.append,
      release: writer.release,
      end: writer.end,
      publishState: writer.publishState,
      flushed: writer.flushed,
      findLatest: (threadId) => reader.findLatest(threadId, ["a run"]),
    };
  }

  describeRunBus("the shared bus", () => sharedBus(), pause);
  describeThreadBus("the shared bus", () => sharedBus(), pause);
  describeSplitBus("two shared buses", twoBuses, pause);
  describeThreadBus("two shared buses", twoBuses, pause);
  describeSplitBus("two shared buses that hear each other", twoHearingBuses, pause);
  describeThreadBus("two shared buses that hear each other", twoHearingBuses, pause);

  describe("of two processes", () => {
    test("the one gets what the other writes, before, while and after it does, once and in order", async () => {
      const bus = twoBuses();
      const runId = randomUUID();
      const readers = [readBatches(bus, runId)];
      bus.begin(begun(runId));
      for (let count = 0; count < 200; count++) {
        bus.append(runId, [event(count)]);
        if (count % 20 === 0) await sleep(5);
        if (count % 50 === 0) readers.push(readBatches(bus, runId));
      }
      bus.end(runId, SUCCESS);
      expect(await bus.waitForEnd(runId, FOREVER)).toEqual(SUCCESS);
      readers.push(readBatches(bus, runId));
      for (const batches of await Promise.all(readers)) {
        expect(datasOf(batches)).toEqual(Array.from({ length: 200 }, (_, index) => index));
        const numbers = batches.flat().map(({ seq }) => seq);
        expect(numbers).toEqual(Array.from({ length: 200 }, (_, index) => index + 1));
      }
    });

    test("a reader goes on from every place on the other", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const runId = randomUUID();
      one.begin(begun(runId));
      one.append(
        runId,
        Array.from({ length: 10 }, (_, index) => event(index + 1)),
      );
      await one.flushed();
      const readings = [0, 3, 10, 7, 5].map((after) => readBatches(other, runId, { after }));
      await pause();
      one.append(runId, [event(11)]);
      one.end(runId, SUCCESS);
      const read = (await Promise.all(readings)).map((batches) => datasOf(batches));
      expect(read.map((datas) => datas[0])).toEqual([1, 4, 11, 8, 6]);
      expect(read.map((datas) => datas.length)).toEqual([11, 8, 1, 4, 6]);
    });

    test("a place that there has never been keeps nobody else from what comes", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const runId = randomUUID();
      const nowhere = readBatches(other, runId, { after: 10 ** 12 });
      one.begin(begun(runId));
      one.append(runId, [event(1)]);
      await pause();
      const reading = readBatches(other, runId);
      await pause();
      one.append(runId, [event(2)]);
      one.end(runId, SUCCESS);
      expect(datasOf(await reading)).toEqual([1, 2]);
      expect(await nowhere).toEqual([]);
    });

    test("a result is found by the other, with what LangGraph's JSON may hold", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const runId = randomUUID();
      const result = { ...SUCCESS, values: { text: "\u0000 and \ud800" } };
      one.begin(begun(runId));
      one.append(runId, [event("\u0000")]);
      one.end(runId, result);
      await one.flushed();
      expect(await other.findResult(runId)).toEqual(result);
      expect(datasOf(await readBatches(other, runId))).toEqual(["\u0000"]);
    });

    test("a run that was only waited for can be read on the same process afterwards", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const runId = randomUUID();
      const waiting = other.waitForEnd(runId, FOREVER);
      one.begin(begun(runId));
      one.append(runId, [1, 2, 3].map(event));
      one.end(runId, SUCCESS);
      expect(await waiting).toEqual(SUCCESS);
      expect(datasOf(await readBatches(other, runId))).toEqual([1, 2, 3]);
      expect(datasOf(await readBatches(other, runId, { after: 2 }))).toEqual([3]);
    });

    test("an end that rows tell comes after the events there are, and never before the one that is told", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const [died, ended] = [randomUUID(), randomUUID()];
      for (const runId of [died, ended]) {
        one.begin(begun(runId));
        one.append(runId, [1, 2].map(event));
      }
      await one.flushed();
      const waiting = [died, ended].map((runId) => other.waitForEnd(runId, FOREVER));
      const found = { ...FOUND, mayBeTold: true };
      for (const runId of [died, ended]) other.settle(runId, found);
      await pause();
      one.append(ended, [event("told")]);
      one.end(ended, SUCCESS);
      expect(await Promise.all(waiting)).toEqual([found.result, SUCCESS]);
      expect(datasOf(await readBatches(other, died))).toEqual([1, 2, "found"]);
      expect(datasOf(await readBatches(other, ended))).toEqual([1, 2, "told"]);
    });

    test("a run that ends before it began has a beginning, also for those who knew it", async () => {
      const bus = sharedBus();
      const runId = randomUUID();
      const [all, rest] = [readBatches(bus, runId), readBatches(bus, runId, { after: 1 })];
      await pause();
      bus.settle(runId, { ...FOUND, mayBeTold: false });
      expect([datasOf(await all), datasOf(await rest)]).toEqual([["beginning", "found"], ["found"]]);
    });

    test("one goes on with a run of the other, and a reader anywhere gets both attempts", async () => {
      const [one, other, third] = [sharedBus(), sharedBus(), sharedBus()];
      const runId = randomUUID();
      const threadId = randomUUID();
      const readings = [one, other, third].map((bus) => readBatches(bus, runId));
      await pause();
      one.begin(begun(runId, 1, threadId));
      one.append(runId, [event("a"), event("b")]);
      await pause();
      one.append(runId, [event("c")]);
      // As a hand-back does.
      await one.flushed();
      other.begin(begun(runId, 2, threadId));
      other.append(runId, [event("d")]);
      one.release(runId);
      await pause();
      other.append(runId, [event("e")]);
      other.end(runId, SUCCESS);
      for (const reading of [...readings, readBatches(third, runId)]) {
        const batches = await reading;
        expect(datasOf(batches)).toEqual(["a", "b", "c", "d", "e"]);
        expect(batches.flat().map(({ seq }) => seq)).toEqual([1, 2, 3, firstSeq(2), firstSeq(2) + 1]);
      }
    });

    test("a thread is followed on the one while runs take turns on both", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const threadId = randomUUID();
      const reading = readThread(one, threadId);
      await pause();
      for (const [index, bus] of [one, other, one, other].entries()) {
        bus.begin(begun(`run ${index}`, 1, threadId));
        bus.append(`run ${index}`, [event(index)]);
        bus.end(`run ${index}`, SUCCESS);
        bus.publishState(threadId, stateOf({ index }));
        await pause();
      }
      one.endThread(threadId);
      const entries = await reading;
      expect(sketch(entries)).toEqual(
        [0, 1, 2, 3].flatMap((index) => [
          `run_began run ${index}`,
          `run_ended run ${index}`,
          "state_updated",
        ]),
      );
      for (const bus of [one, other]) {
        for (const [index, { id }] of entries.entries()) {
          expect(sketch(await readKept(bus, threadId, { from: id, pause }))).toEqual(
            sketch(entries.slice(index)),
          );
        }
      }
      const began = entries[3];
      if (began?.kind !== "run_began") throw new Error("the fourth entry is the beginning of the second run");
      expect(datasOf(await Array.fromAsync(began.follow({ after: 0, signal: FOREVER })))).toEqual([1]);
    });

    test("the latest run of a thread is found by the other while it goes on", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const threadId = randomUUID();
      one.begin(begun("run", 1, threadId));
      one.append("run", [event(1), event(2)]);
      await one.flushed();
      const { run } = await other.findLatest(threadId);
      expect(run?.seq).toBe(2);
      one.append("run", [event(3)]);
      one.end("run", SUCCESS);
      expect(datasOf(await Array.fromAsync(run?.began.follow({ after: 2, signal: FOREVER }) ?? []))).toEqual([
        3,
      ]);
      expect((await other.findLatest(threadId)).run).toBeNull();
    });
  });

  describe("more than memory has room for", () => {
    const many = Array.from({ length: 64 }, (_, index) => event(`${index} ${"x".repeat(KEPT_BYTES / 16)}`));

    test.each(["the same", "the other"])("is all there for a late reader on %s process", async (which) => {
      const bus = which === "the same" ? sharedBus() : twoBuses();
      const runId = randomUUID();
      bus.begin(begun(runId));
      bus.append(runId, many);
      const reading = readBatches(bus, runId);
      const oldest = readBatches(bus, runId, { after: null });
      await pause();
      bus.append(runId, [event("last")]);
      bus.end(runId, SUCCESS);
      const expected = [...many, event("last")].map(({ data }) => data);
      for (const batches of [await reading, await oldest, await readBatches(bus, runId)]) {
        expect(batches.flat().map(({ data }) => data)).toEqual(expected);
        expect(batches.length).toBeGreaterThan(8);
      }
    });

    test.each(["the same", "the other"])(
      "is all there for a reader on %s process that stops for a while",
      async (which) => {
        const bus = which === "the same" ? sharedBus() : twoBuses();
        const runId = randomUUID();
        bus.begin(begun(runId));
        bus.append(runId, [event("first")]);
        const slow = bus.follow(runId, { after: 0, signal: FOREVER });
        const first = (await slow.next()).value ?? [];
        for (const one of many) bus.append(runId, [one]);
        await pause();
        bus.end(runId, SUCCESS);
        const rest = await Array.fromAsync(slow);
        expect([first, ...rest].flat().map(({ data }) => data)).toEqual(
          [event("first"), ...many].map(({ data }) => data),
        );
      },
    );
  });

  describe("a log that is away for a while", () => {
    test("gets everything afterwards, in order", async () => {
      const real = openLog();
      let isAway = true;
      const log: EventLog = {
        ...real,
        append: async (batch) => {
          await real.append(batch);
          // Written, but the answer was lost.
          if (isAway) throw new Error("away");
        },
        isRetriable: () => true,
      };
      const one = sharedBus({ log });
      const other = sharedBus();
      const runId = randomUUID();
      const reading = readBatches(other, runId);
      one.begin(begun(runId));
      for (let count = 0; count < 5; count++) {
        one.append(runId, [event(count)]);
        await sleep(20);
      }
      isAway = false;
      one.end(runId, SUCCESS);
      expect(datasOf(await reading)).toEqual([0, 1, 2, 3, 4]);
    });

    test("does not hold up the run or the readers of its own process", async () => {
      const log: EventLog = { ...openLog(), append: () => new Promise(() => undefined) };
      const bus = sharedBus({ log });
      const runId = randomUUID();
      const reading = readBatches(bus, runId);
      bus.begin(begun(runId));
      bus.append(runId, [event(1)]);
      bus.end(runId, SUCCESS);
      expect(datasOf(await reading)).toEqual([1]);
    });

    test("a reader elsewhere is told of events that could not be kept, and can read on after them", async () => {
      const [one, other] = [sharedBus(), sharedBus()];
      const runId = randomUUID();
      one.begin(begun(runId));
      one.append(runId, [1, 2, 3, 4].map(event));
      one.end(runId, SUCCESS);
      await one.flushed();
      await forget(runId, 2);
      const error: unknown = await readBatches(other, runId).catch((reason: unknown) => reason);
      if (!(error instanceof RunEventsDropped)) throw new Error("nothing was told", { cause: error });
      expect(error.upTo).toBe(2);
      expect(datasOf(await readBatches(other, runId, { after: error.upTo }))).toEqual([3, 4]);
    });
  });
});

describe("of a process that hears what others want", () => {
  const sharedBus = (options: Options = {}) => sharedBusOn(createEventLog(db()), options);
  const hearingBuses = () => hearingBusesOf(sharedBus);
  const countRows = async () => {
    const { rows } = await db().query<{ count: number }>(
      `select ((select count(*) from run_events) + (select count(*) from run_ends)
               + (select count(*) from thread_entries))::int as count`,
    );
    return rows[0]?.count;
  };
  const execute = (bus: SharedBus, runId: string, isResumable = false) => {
    bus.begin({ ...begun(runId), isResumable });
    bus.append(runId, [1, 2].map(event));
    bus.end(runId, SUCCESS);
    bus.publishState(`thread of ${runId}`, stateOf({}));
  };

  test("nothing is written for its own readers, nor looked for", async () => {
    const asked: string[] = [];
    const log = new Proxy(createEventLog(db()), {
      get(real, name, receiver) {
        asked.push(String(name));
        return Reflect.get(real, name, receiver);
      },
    });
    const bus = sharedBus({ log });
    bus.setHearing(true);
    const runId = randomUUID();
    const reading = Array.fromAsync(bus.follow(runId, { after: 0, signal: FOREVER, isNew: true }));
    const waiting = bus.waitForEnd(runId, FOREVER, true);
    execute(bus, runId);
    expect(datasOf(await reading)).toEqual([1, 2]);
    expect(await waiting).toEqual(SUCCESS);
    await bus.flushed();
    expect(asked).toEqual([]);
    expect(await countRows()).toBe(0);
  });

  test("what is resumable is written, and what is asked for by whoever comes late", async () => {
    const [one, other] = hearingBuses();
    execute(one, "resumable", true);
    execute(one, "plain");
    await one.flushed();
    // Two events, an end, two entries of runs and one of a state.
    expect(await countRows()).toBe(6);
    expect(datasOf(await readBatches(other, "plain"))).toEqual([1, 2]);
    expect(await other.waitForEnd("plain", FOREVER)).toEqual(SUCCESS);
  });

  test("what is wanted before it begins is written from its beginning on, as long as it is wanted", async () => {
    const [one, other] = hearingBuses();
    const leaving = new AbortController();
    const reading = readBatches(other, "run", { signal: leaving.signal });
    await pause();
    one.begin(begun("run"));
    one.append("run", [event(1)]);
    await one.flushed();
    expect(await countRows()).toBe(2);
    leaving.abort();
    expect(datasOf(await reading)).toEqual([1]);
  });

  test("a request to write that is lost is repeated", async () => {
    const peers: SharedBus[] = [];
    const [one, other] = [sharedBus(), sharedBus({ peers })];
    one.setHearing(true);
    one.begin(begun("run"));
    one.append("run", [event(1)]);
    const reading = readBatches(other, "run");
    await pause();
    expect(await countRows()).toBe(0);
    peers.push(one);
    await pause();
    one.append("run", [event(2)]);
    one.end("run", SUCCESS);
    expect(datasOf(await reading)).toEqual([1, 2]);
  });

  test("what was followed here a moment ago can be followed elsewhere when the process has gone", async () => {
    const [one, other] = hearingBuses();
    const leaving = new AbortController();
    const threadId = "thread of followed";
    const following = readThread(one, threadId, { signal: leaving.signal });
    await pause();
    execute(one, "followed");
    execute(one, "unseen");
    await pause();
    leaving.abort();
    const entries = await following;
    await one[Symbol.asyncDispose]();
    const [began] = entries;
    expect(sketch(await readKept(other, threadId, { from: began?.id ?? null, pause }))).toEqual(
      sketch(entries),
    );
    expect(datasOf(await readBatches(other, "followed"))).toEqual([1, 2]);
    expect(await other.findResult("unseen")).toBeNull();
  });

  test("what is handed back can be read when the process has gone", async () => {
    const [one, other] = hearingBuses();
    one.begin(begun("run"));
    one.append("run", [event(1)]);
    await one.flushed("run");
    one.release("run");
    await one[Symbol.asyncDispose]();
    other.begin(begun("run", 2));
    other.append("run", [event(2)]);
    other.end("run", SUCCESS);
    expect(datasOf(await readBatches(other, "run"))).toEqual([1, 2]);
  });

  test("what happened before somebody began to follow a thread elsewhere is no news to them", async () => {
    const [one, other] = hearingBuses();
    const threadId = "thread of before";
    execute(one, "before");
    // Nobody says that there has been a run, and so nobody waits for what is told of it.
    const { id } = await other.findLatest(threadId);
    const reading = readKept(other, threadId, { from: id, pause: () => sleep(300) });
    await pause();
    one.begin(begun("after", 1, threadId));
    one.end("after", SUCCESS);
    expect(sketch(await reading)).toEqual(["run_began after", "run_ended after"]);
  });

  test("what it does not hear for a while is written meanwhile, with what came before", async () => {
    const [one, other] = hearingBuses();
    one.begin(begun("run"));
    one.append("run", [event(1)]);
    one.setHearing(false);
    one.append("run", [event(2)]);
    one.setHearing(true);
    one.append("run", [event(3)]);
    one.end("run", SUCCESS);
    await one.flushed();
    // Three events, and that the run has ended, for itself and on its thread.
    expect(await countRows()).toBe(5);
    expect(datasOf(await readBatches(other, "run"))).toEqual([1, 2, 3]);
  });

  test("more than its memory has room for is written, and read from there", async () => {
    const bus = sharedBus();
    bus.setHearing(true);
    const many = Array.from({ length: 64 }, (_, index) => event(`${index} ${"x".repeat(KEPT_BYTES / 16)}`));
    bus.begin(begun("run"));
    bus.append("run", many);
    bus.end("run", SUCCESS);
    const read = (await readBatches(bus, "run")).flat().map(({ data }) => data);
    expect(read).toEqual(many.map(({ data }) => data));
  });
});

describe("what is kept in the database", () => {
  const countRows = async () => {
    const { rows } = await db().query(
      `select (select count(*) from run_events)::int as events, (select count(*) from run_ends)::int as ends,
              (select count(*) from thread_entries)::int as entries`,
    );
    return rows[0];
  };

  test("goes when the time of a run that ended is over, and not before", async () => {
    const bus = sharedBusOn(createEventLog(db()));
    bus.begin(begun("run", 1, "thread"));
    bus.append("run", [event(1)]);
    bus.end("run", SUCCESS);
    bus.publishState("thread", stateOf({}));
    await bus.flushed();
    await pruneRunEvents(db(), 60_000);
    expect(await countRows()).toEqual({ events: 1, ends: 1, entries: 3 });
    await sleep(10);
    await pruneRunEvents(db(), 1);
    expect(await countRows()).toEqual({ events: 0, ends: 0, entries: 0 });
  });

  test("goes too of a run whose end nobody told, once it is not there any more", async () => {
    const bus = sharedBusOn(createEventLog(db()));
    bus.begin(begun("run", 1, "thread"));
    bus.append("run", [event(1)]);
    await bus.flushed();
    await pruneRunEvents(db(), 1);
    await sleep(10);
    await pruneRunEvents(db(), 1);
    expect(await countRows()).toEqual({ events: 0, ends: 0, entries: 0 });
  });
});
