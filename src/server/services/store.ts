import type { Caller } from "../domain/caller.ts";
import { DomainError } from "../domain/errors.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import {
  FILTER_OPERATORS,
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

/** @throws DomainError `validation_error` for a namespace that cannot be stored */
export async function putItem({ db, storeTtl }: Deps, _caller: Caller, item: ItemPut): Promise<void> {
  refuse(namespaceProblem(item.namespace));
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
  refuse(namespaceProblem(namespace));
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
  refuse(namespaceProblem(namespace));
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
  for (const label of search.prefix) refuse(namespaceLabelProblem(label));
  const conditions = toItemConditions(filter);
  for (const condition of conditions) refuse(conditionProblem(condition));
  return listItems(db, { ...search, conditions });
}

export async function listNamespaces(
  { db }: Deps,
  _caller: Caller,
  search: NamespaceSearch,
): Promise<readonly (readonly string[])[]> {
  for (const label of [...search.prefix, ...search.suffix]) refuse(namespaceLabelProblem(label));
  return listRows(db, search);
}

function conditionProblem({ field, operator, operand }: ItemCondition): string | null {
  if (!FILTER_OPERATORS.includes(operator)) {
    return `filter operator '${operator}' of '${field}' is not known; there are ${FILTER_OPERATORS.join(", ")}`;
  }
  const compares = operator !== "$eq" && operator !== "$ne";
  if (compares && typeof operand !== "number" && typeof operand !== "string") {
    return `filter operator '${operator}' of '${field}' needs a number or a string`;
  }
  return null;
}

function refuse(problem: string | null): void {
  if (problem !== null) throw new DomainError("validation_error", problem);
}
