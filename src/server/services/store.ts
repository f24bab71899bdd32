import type { Caller } from "../domain/caller.ts";
import { invalid } from "../domain/errors.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import {
  FILTER_OPERATORS,
  keyProblem,
  MAX_CONDITIONS,
  namespaceLabelProblem,
  namespaceProblem,
  type StoreItem,
} from "../domain/store-item.ts";
import type { Database } from "../persistence/database.ts";
import {
  deleteItem as deleteRow,
  findItem,
  type ItemCondition,
  listItems,
  listNamespaces as listRows,
  type NamespaceSearch,
  toItemConditions,
  updateItemExpiry,
  upsertItem,
} from "../persistence/store-items.ts";

export interface StoreTtl {
  /** Null: items without a time to live of their own stay. */
  readonly default_ttl_minutes: number | null;
  readonly refresh_on_read: boolean;
}

interface Deps {
  readonly db: Database;
  readonly storeTtl: StoreTtl | null;
}

export interface ItemPut {
  readonly namespace: readonly string[];
  readonly key: string;
  readonly value: JsonObject;
  /** Minutes until the item expires; null takes the configured default. */
  readonly ttl: number | null;
}

/** @throws DomainError `validation_error` for a namespace or key that cannot be stored */
export async function putItem({ db, storeTtl }: Deps, _caller: Caller, item: ItemPut): Promise<void> {
  requireAddress(item.namespace, item.key);
  await upsertItem(db, item, { ttlMinutes: item.ttl ?? storeTtl?.default_ttl_minutes ?? null });
}

/**
 * @param options.refreshTtl whether an item with a time to live gets the configured one anew; undefined
 *   leaves that to the configuration
 * @returns null when there is no such item
 */
export async function getItem(
  { db, storeTtl }: Deps,
  _caller: Caller,
  namespace: readonly string[],
  key: string,
  { refreshTtl }: { readonly refreshTtl?: boolean | undefined } = {},
): Promise<StoreItem | null> {
  requireAddress(namespace, key);
  const item = await findItem(db, namespace, key);
  const ttlMinutes = storeTtl?.default_ttl_minutes ?? null;
  if (item !== null && ttlMinutes !== null && (refreshTtl ?? storeTtl?.refresh_on_read)) {
    await updateItemExpiry(db, namespace, key, { ttlMinutes });
  }
  return item;
}

export async function deleteItem(
  { db }: Deps,
  _caller: Caller,
  namespace: readonly string[],
  key: string,
): Promise<void> {
  requireAddress(namespace, key);
  await deleteRow(db, namespace, key);
}

export interface StoreSearch extends Page {
  readonly prefix: readonly string[];
  readonly filter: JsonObject;
  readonly query: string | null;
}

/** Items below a namespace that match the filter, last changed first. */
export async function searchItems(
  { db }: Deps,
  _caller: Caller,
  { filter, ...search }: StoreSearch,
): Promise<readonly StoreItem[]> {
  for (const label of search.prefix) refuse("namespace_prefix", namespaceLabelProblem(label));
  const conditions = toItemConditions(filter);
  if (conditions.length > MAX_CONDITIONS)
    throw invalid("filter", `has more than ${MAX_CONDITIONS} conditions`);
  for (const condition of conditions) refuse(`filter.${condition.field}`, conditionProblem(condition));
  return listItems(db, { ...search, conditions });
}

export async function listNamespaces(
  { db }: Deps,
  _caller: Caller,
  search: NamespaceSearch,
): Promise<readonly (readonly string[])[]> {
  for (const label of search.prefix) refuse("prefix", namespaceLabelProblem(label));
  for (const label of search.suffix) refuse("suffix", namespaceLabelProblem(label));
  return listRows(db, search);
}

function conditionProblem({ operator, operand }: ItemCondition): string | null {
  if (!FILTER_OPERATORS.includes(operator)) {
    return `operator '${operator}' is not known; there are ${FILTER_OPERATORS.join(", ")}`;
  }
  const compares = operator !== "$eq" && operator !== "$ne";
  if (compares && typeof operand !== "number" && typeof operand !== "string") {
    return `operator '${operator}' needs a number or a string`;
  }
  return null;
}

function requireAddress(namespace: readonly string[], key: string): void {
  refuse("namespace", namespaceProblem(namespace));
  refuse("key", keyProblem(key));
}

function refuse(path: string, problem: string | null): void {
  if (problem !== null) throw invalid(path, problem);
}
