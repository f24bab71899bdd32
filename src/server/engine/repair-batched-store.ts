import { createRequire } from "node:module";
import type { BaseStore, Operation } from "@langchain/langgraph-checkpoint";
import * as checkpoint from "@langchain/langgraph-checkpoint";

const require = createRequire(import.meta.url);

/**
 * Makes the wrapper that LangGraph puts around the store of a graph do all that a store does. As of
 * langgraph-checkpoint 1.2 it fails on `listNamespaces` and `batch`, and forgets the `index` of a put. Graphs
 * get the wrapper itself, so there is no other place to mend it in.
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
