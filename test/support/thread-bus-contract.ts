import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  type FollowThreadOptions,
  type RunBus,
  THREAD_ENTRY_KINDS,
  type ThreadEntry,
} from "../../src/server/bus/run-bus.ts";
import type { ThreadState } from "../../src/server/domain/checkpoint.ts";
import { compareEntryIds } from "../../src/server/domain/thread-stream.ts";
import { begun, event, type Pause, SUCCESS, settle } from "./bus-contract.ts";

const FOREVER = new AbortController().signal;

export const stateOf = (values: Record<string, unknown>): ThreadState => ({
  values,
  next: [],
  tasks: [],
  metadata: {},
  created_at: null,
  checkpoint: null,
  parent_checkpoint: null,
  interrupts: [],
});

/** A run on a thread from its beginning to its end. */
export function execute(bus: RunBus, threadId: string, runId: string): void {
  bus.begin(begun(runId, 1, threadId));
  bus.append(runId, [event(runId)]);
  bus.end(runId, SUCCESS);
}

/** What happens on a thread until it ends. */
export const readThread = (
  bus: RunBus,
  threadId: string,
  options: Partial<FollowThreadOptions> = {},
): Promise<ThreadEntry[]> =>
  Array.fromAsync(
    bus.followThread(threadId, { from: null, kinds: THREAD_ENTRY_KINDS, signal: FOREVER, ...options }),
  );

/** What is there of a thread now. */
export async function readKept(
  bus: RunBus,
  threadId: string,
  { pause = settle, ...options }: Partial<FollowThreadOptions> & { readonly pause?: Pause } = {},
): Promise<ThreadEntry[]> {
  const leaving = new AbortController();
  const reading = readThread(bus, threadId, { ...options, signal: leaving.signal });
  // Whoever is told of a gap is told at once.
  reading.catch(() => undefined);
  await pause();
  leaving.abort();
  return reading;
}

export const sketch = (entries: readonly ThreadEntry[]): string[] =>
  entries.map((entry) => (entry.kind === "state_updated" ? entry.kind : `${entry.kind} ${entry.run_id}`));

/** Every RunBus must pass this for its threads. */
export function describeThreadBus(name: string, create: () => RunBus, pause: Pause = settle): void {
  describe(`${name}, on threads`, () => {
    describeFollowing(create, pause);
    describeLatest(create, pause);
  });
}

function describeFollowing(create: () => RunBus, pause: Pause): void {
  test("tells what was, then what comes, in order and with rising ids", async () => {
    const bus = create();
    const threadId = randomUUID();
    execute(bus, threadId, "one");
    const reading = readThread(bus, threadId);
    await pause();
    bus.publishState(threadId, stateOf({ count: 1 }));
    await pause();
    execute(bus, threadId, "two");
    await pause();
    bus.endThread(threadId);

    const entries = await reading;
    expect(sketch(entries)).toEqual([
      "run_began one",
      "run_ended one",
      "state_updated",
      "run_began two",
      "run_ended two",
    ]);
    const ids = entries.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted(compareEntryIds));
    expect(new Set(ids.map(({ ms, n }) => `${ms}-${n}`)).size).toBe(5);
  });

  test("goes on from every entry, which is included", async () => {
    const bus = create();
    const threadId = randomUUID();
    execute(bus, threadId, "one");
    bus.publishState(threadId, stateOf({}));
    const all = sketch(await readKept(bus, threadId, { pause }));
    for (const [index, { id }] of (await readKept(bus, threadId, { pause })).entries()) {
      expect(sketch(await readKept(bus, threadId, { pause, from: id }))).toEqual(all.slice(index));
    }
  });

  test("tells only the kinds that are asked for", async () => {
    const bus = create();
    const threadId = randomUUID();
    execute(bus, threadId, "one");
    bus.publishState(threadId, stateOf({}));
    expect(sketch(await readKept(bus, threadId, { pause, kinds: ["state"] }))).toEqual(["state_updated"]);
    expect(sketch(await readKept(bus, threadId, { pause, kinds: ["runs"] }))).toEqual([
      "run_began one",
      "run_ended one",
    ]);
  });

  test("a run that began can be followed from its entry, also when that is read late", async () => {
    const bus = create();
    const threadId = randomUUID();
    execute(bus, threadId, "one");
    const [began] = await readKept(bus, threadId, { pause });
    if (began?.kind !== "run_began") throw new Error("the first entry is the beginning of the run");
    const batches = await Array.fromAsync(began.follow({ after: 0, signal: FOREVER }));
    expect(batches.flat().map(({ data }) => data)).toEqual(['"one"']);
  });

  test("everyone who follows a thread hears everything, and of other threads nothing", async () => {
    const bus = create();
    const [threadId, otherId] = [randomUUID(), randomUUID()];
    const reading = [readThread(bus, threadId), readThread(bus, threadId)];
    await pause();
    execute(bus, otherId, "other");
    execute(bus, threadId, "one");
    await pause();
    bus.endThread(threadId);
    const [first = [], second = []] = await Promise.all(reading);
    expect(sketch(first)).toEqual(["run_began one", "run_ended one"]);
    expect(second.map(({ id }) => id)).toEqual(first.map(({ id }) => id));
    expect(sketch(second)).toEqual(sketch(first));
  });

  test("a thread is watched while someone follows it, and until it ends", async () => {
    const bus = create();
    const [left, ended] = [randomUUID(), randomUUID()];
    const leaving = new AbortController();
    const reading = [readThread(bus, left, { signal: leaving.signal }), readThread(bus, ended)];
    await pause();
    expect(bus.watchedThreads().toSorted()).toEqual([left, ended].toSorted());
    leaving.abort();
    bus.endThread(ended);
    expect(await Promise.all(reading)).toEqual([[], []]);
    expect(bus.watchedThreads()).toEqual([]);
  });

  test("a later attempt is told too, and following the run again gets the events of both", async () => {
    const bus = create();
    const threadId = randomUUID();
    bus.begin(begun("one", 1, threadId));
    bus.append("one", [event("first")]);
    bus.begin(begun("one", 2, threadId));
    bus.append("one", [event("second")]);
    bus.end("one", SUCCESS);
    const entries = await readKept(bus, threadId, { pause });
    expect(entries).toMatchObject([
      { kind: "run_began", attempt: 1 },
      { kind: "run_began", attempt: 2 },
      { kind: "run_ended" },
    ]);
  });
}

function describeLatest(create: () => RunBus, pause: Pause): void {
  test("now is after everything that was and before everything that will be", async () => {
    const bus = create();
    const threadId = randomUUID();
    execute(bus, threadId, "before");
    const { id, run } = await bus.findLatest(threadId);
    expect(run).toBeNull();
    execute(bus, threadId, "after");
    expect(sketch(await readKept(bus, threadId, { pause, from: id }))).toEqual([
      "run_began after",
      "run_ended after",
    ]);
  });

  test("a run that goes on is found, with the number of its last event", async () => {
    const bus = create();
    const threadId = randomUUID();
    bus.begin(begun("one", 1, threadId));
    bus.append("one", [event(1), event(2)]);
    const { run } = await bus.findLatest(threadId);
    const reading = Array.fromAsync(run?.began.follow({ after: run.seq, signal: FOREVER }) ?? []);
    await pause();
    bus.append("one", [event(3)]);
    bus.end("one", SUCCESS);
    expect((await reading).flat().map(({ data }) => data)).toEqual(["3"]);
    expect((await bus.findLatest(threadId)).run).toBeNull();
  });
}
