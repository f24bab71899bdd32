import {
  BaseStore,
  type GetOperation,
  type Item,
  type ListNamespacesOperation,
  type Operation,
  type OperationResults,
  type PutOperation,
  type SearchOperation,
} from "@langchain/langgraph-checkpoint";
import type { JsonObject } from "../domain/json.ts";
import { MemoryUnavailable } from "../domain/memory-unavailable.ts";
import type { Attempt } from "../domain/run.ts";
import type { ItemIndex, StoreItem } from "../domain/store-item.ts";
import { throughOutages } from "./through-outages.ts";
import { toJson } from "./to-json.ts";

/** The store's operations as the server has them, for graphs and clients alike. */
export interface StoreOperations {
  get(namespace: readonly string[], key: string): Promise<StoreItem | null>;
  put(item: {
    readonly namespace: readonly string[];
    readonly key: string;
    readonly value: JsonObject;
    readonly index: ItemIndex;
    /** Minutes; null takes the configured default. */
    readonly ttl: number | null;
  }): Promise<void>;
  delete(namespace: readonly string[], key: string): Promise<void>;
  search(search: {
    readonly prefix: readonly string[];
    readonly filter: JsonObject;
    readonly query: string | null;
    readonly limit: number;
    readonly offset: number;
  }): Promise<readonly StoreItem[]>;
  listNamespaces(search: {
    readonly prefix: readonly string[];
    readonly suffix: readonly string[];
    readonly maxDepth: number | null;
    readonly limit: number;
    readonly offset: number;
  }): Promise<readonly (readonly string[])[]>;
}

/** The store as one attempt of a run has it, which writes nothing once that is over; null for whoever is no run. */
export type OpenStore = (attempt: Attempt | null) => BaseStore;

/** How long an operation is tried again while the database is away. Runs whose store stays away are queued again. */
const PATIENCE_MS = 10_000;

/**
 * The store that graphs see as `config.store`, which LangGraph wraps; see repair-batched-store.ts.
 * @param isOutage whether an error says that the database is away
 */
export function createGraphStore(
  operations: StoreOperations,
  isOutage: (error: unknown) => boolean,
): BaseStore {
  return new GraphStore(operations, isOutage);
}

/** A class because LangGraph asks for a subclass of its own. */
class GraphStore extends BaseStore {
  readonly #operations: StoreOperations;
  readonly #isOutage: (error: unknown) => boolean;

  constructor(operations: StoreOperations, isOutage: (error: unknown) => boolean) {
    super();
    this.#operations = operations;
    this.#isOutage = isOutage;
  }

  override async batch<Op extends Operation[]>(operations: Op): Promise<OperationResults<Op>> {
    const results: unknown[] = [];
    // In order: a batch may read what it has written.
    for (const operation of operations) results.push(await this.#patiently(operation));
    return results as OperationResults<Op>;
  }

  async #patiently(operation: Operation): Promise<unknown> {
    const startedMs = performance.now();
    const isWorthwhile = () => performance.now() - startedMs < PATIENCE_MS;
    try {
      return await throughOutages(() => this.#run(operation), { isOutage: this.#isOutage, isWorthwhile });
    } catch (error) {
      throw this.#isOutage(error) ? new MemoryUnavailable(error) : error;
    }
  }

  #run(operation: Operation): Promise<unknown> {
    if ("namespacePrefix" in operation) return this.#search(operation);
    if ("value" in operation) return this.#put(operation);
    if ("key" in operation) return this.#get(operation);
    return this.#listNamespaces(operation);
  }

  async #get({ namespace, key }: GetOperation): Promise<Item | null> {
    const item = await this.#operations.get(namespace, key);
    return item === null ? null : toItem(item);
  }

  #put({ namespace, key, value, index }: PutOperation): Promise<void> {
    return value === null
      ? this.#operations.delete(namespace, key)
      : this.#operations.put({
          namespace,
          key,
          value: toJson(value) as JsonObject,
          index: index ?? null,
          ttl: null,
        });
  }

  async #search({ namespacePrefix, filter, query, limit, offset }: SearchOperation): Promise<Item[]> {
    const items = await this.#operations.search({
      prefix: namespacePrefix,
      filter: filter ?? {},
      query: query ?? null,
      limit: limit ?? 10,
      offset: offset ?? 0,
    });
    return items.map(toItem);
  }

  async #listNamespaces({ matchConditions = [], maxDepth, limit, offset }: ListNamespacesOperation) {
    const path = (type: "prefix" | "suffix") =>
      matchConditions.find(({ matchType }) => matchType === type)?.path ?? [];
    return await this.#operations.listNamespaces({
      prefix: path("prefix"),
      suffix: path("suffix"),
      maxDepth: maxDepth ?? null,
      limit,
      offset,
    });
  }
}

const toItem = ({ namespace, key, value, created_at, updated_at }: StoreItem): Item => ({
  namespace: [...namespace],
  key,
  value,
  createdAt: created_at,
  updatedAt: updated_at,
});
