import { createRequire } from "node:module";
import type { BaseStore, Operation } from "@langchain/langgraph-checkpoint";
import * as checkpoint from "@langchain/langgraph-checkpoint";

const require = createRequire(import.meta.url);

/**
 * Makes the wrapper that LangGraph puts around the store of a graph do all that a store does. As of
 * langgraph-checkpoint 1.2 it fails on `listNamespaces` and `batch`, and forgets the `index` of a put. And it looks
 * every millisecond for something to do, one wrapper for each run, as long as that goes on. Graphs get the wrapper
 * itself, so there is no other place to mend it in.
 *
 * Call it when the graphs are loaded: those in CommonJS bring a second copy of the class.
 */
export function repairBatchedStores(): void {
  repair(checkpoint.AsyncBatchedStore);
  const file = require.resolve("@langchain/langgraph-checkpoint");
  const second = require.cache[file]?.exports as typeof checkpoint | undefined;
  if (second !== undefined) repair(second.AsyncBatchedStore);
}

/** Of the wrapper's queue, where every operation has to pass in its order. */
interface Queueing {
  enqueueOperation(operation: Operation): Promise<unknown>;
}

function repair({ prototype }: typeof checkpoint.AsyncBatchedStore): void {
  if ("processBatchQueue" in prototype && "enqueueOperation" in prototype) {
    workWhenAsked(prototype as unknown as Working);
  }
  // A later version that has it has no need of this.
  if (Object.hasOwn(prototype, "listNamespaces") || !("enqueueOperation" in prototype)) return;
  const inherited = Object.getPrototypeOf(prototype) as BaseStore;
  Object.assign(prototype, {
    batch(this: Queueing, operations: readonly Operation[]) {
      return Promise.all(operations.map((operation) => this.enqueueOperation(operation)));
    },
    // What is inherited goes through `batch`, with the index.
    put: inherited.put,
  });
}

interface Queued {
  readonly operation: Operation;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** What the wrapper keeps to itself. */
interface Working extends Queueing {
  readonly queue: Map<number, Queued>;
  readonly store: BaseStore;
  processBatchQueue(): Promise<void>;
}

/** Works the queue off when something is put into it, in the same batches, instead of looking for that. */
function workWhenAsked(prototype: Working): void {
  const { enqueueOperation, processBatchQueue } = prototype;
  if (processBatchQueue === neverLook) return;
  const atWork = new WeakSet<Working>();

  const workOff = async (wrapper: Working) => {
    // What is asked in one turn of the event loop goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (wrapper.queue.size > 0) await workBatch(wrapper);
    atWork.delete(wrapper);
  };

  Object.assign(prototype, {
    enqueueOperation(this: Working, operation: Operation) {
      const result = enqueueOperation.call(this, operation);
      if (!atWork.has(this)) {
        atWork.add(this);
        void workOff(this);
      }
      return result;
    },
    processBatchQueue: neverLook,
  });
}

/** Also tells that a wrapper is repaired: a server may load its graphs more than once. */
const neverLook = async (): Promise<void> => undefined;

async function workBatch({ queue, store }: Working): Promise<void> {
  const batch = [...queue.values()];
  queue.clear();
  try {
    const results: readonly unknown[] = await store.batch(batch.map(({ operation }) => operation));
    for (const [index, { resolve }] of batch.entries()) resolve(results[index]);
  } catch (error) {
    for (const { reject } of batch) reject(error);
  }
}
