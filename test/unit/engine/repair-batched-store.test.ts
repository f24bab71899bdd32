import { AsyncBatchedStore, InMemoryStore } from "@langchain/langgraph-checkpoint";
import { afterEach, beforeAll, expect, test, vi } from "vitest";
import { repairBatchedStores } from "../../../src/server/engine/repair-batched-store.ts";

beforeAll(() => {
  repairBatchedStores();
  // As a server does that loads its graphs again.
  repairBatchedStores();
});

afterEach(() => {
  vi.useRealTimers();
});

const started = (store: InMemoryStore) => {
  const wrapper = new AsyncBatchedStore(store);
  wrapper.start();
  return wrapper;
};

test("the store of a run that asks nothing of it waits without a timer", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "setImmediate"] });
  const wrapper = started(new InMemoryStore());
  expect(vi.getTimerCount()).toBe(0);
  await wrapper.stop();
});

/** A store that tells of each batch before it works it off. */
function watchedStore(onBatch: (operations: readonly unknown[]) => void): InMemoryStore {
  const store = new InMemoryStore();
  const batch = store.batch.bind(store);
  store.batch = async (operations) => {
    onBatch(operations);
    return batch(operations);
  };
  return store;
}

test("what is asked in one turn goes to the store together, and each gets its own answer", async () => {
  const sizes: number[] = [];
  const wrapper = started(watchedStore(({ length }) => sizes.push(length)));
  await Promise.all([
    wrapper.put(["notes"], "a", { text: "one" }),
    wrapper.put(["notes"], "b", { text: "two" }),
  ]);
  const [b, a] = await Promise.all([wrapper.get(["notes"], "b"), wrapper.get(["notes"], "a")]);
  expect([a?.value, b?.value, sizes]).toEqual([{ text: "one" }, { text: "two" }, [2, 2]]);
  await wrapper.stop();
});

test("a store that fails fails those who asked, and works for the next", async () => {
  const failures = [new Error("away")];
  const wrapper = started(
    watchedStore(() => {
      const failure = failures.pop();
      if (failure !== undefined) throw failure;
    }),
  );
  const asked = [wrapper.get(["notes"], "a"), wrapper.get(["notes"], "b")];
  const outcomes = await Promise.allSettled(asked);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  expect(await wrapper.get(["notes"], "a")).toBeNull();
  await wrapper.stop();
});
