import type { Caller } from "../domain/caller.ts";
import { invalid } from "../domain/errors.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import { type Attempt, AttemptOver } from "../domain/run.ts";
import {
  FILTER_OPERATORS,
  type FoundItem,
  type ItemIndex,
  indexProblem,
  keyProblem,
  MAX_CONDITIONS,
  MAX_QUERY_WORDS,
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
  type StoredItem,
  toItemConditions,
  updateItemExpiries,
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
  readonly index: ItemIndex;
  /** Minutes until the item expires; null takes the configured default. */
  readonly ttl: number | null;
}

/**
 * @param attempt the run that writes; null for a client
 * @throws DomainError `validation_error` for a namespace, key or index that cannot be stored
 * @throws AttemptOver and nothing was written
 */
export async function putItem(
  { db, storeTtl }: Deps,
  _caller: Caller,
  item: ItemPut,
  attempt: Attempt | null = null,
): Promise<void> {
  requireAddress(item.namespace, item.key);
  refuse("index", indexProblem(item.index));
  const ttlMinutes = item.ttl ?? storeTtl?.default_ttl_minutes ?? null;
  const isWritten = await upsertItem(db, item, { index: item.index, ttlMinutes }, attempt);
  if (attempt !== null && !isWritten) throw new AttemptOver(attempt);
}

export interface ReadOptions {
  /**
   * Whether reading starts the time to live of what is read anew. Undefined leaves that to the configuration,
   * without which it does.
   */
  readonly refreshTtl?: boolean | undefined;
}

/** @returns null when there is no such item */
export async function getItem(
  deps: Deps,
  _caller: Caller,
  namespace: readonly string[],
  key: string,
  options: ReadOptions = {},
): Promise<StoreItem | null> {
  requireAddress(namespace, key);
  const found = await findItem(deps.db, namespace, key);
  if (found === null) return null;
  await refresh(deps, [found], options);
  const { expires_at: _, ...item } = found;
  return item;
}

/** @throws AttemptOver, as putItem does */
export async function deleteItem(
  { db }: Deps,
  _caller: Caller,
  namespace: readonly string[],
  key: string,
  attempt: Attempt | null = null,
): Promise<void> {
  requireAddress(namespace, key);
  const isHeld = await deleteRow(db, namespace, key, attempt);
  if (attempt !== null && !isHeld) throw new AttemptOver(attempt);
}

export interface StoreSearch extends Page, ReadOptions {
  readonly prefix: readonly string[];
  readonly filter: JsonObject;
  /** Words that all occur in the value, since nothing is found by meaning yet; null for any value. */
  readonly query: string | null;
}

/** Items below a namespace that match the filter and the query, last changed first. */
export async function searchItems(
  deps: Deps,
  _caller: Caller,
  { filter, query, ...search }: StoreSearch,
): Promise<readonly FoundItem[]> {
  for (const label of search.prefix) refuse("namespace_prefix", namespaceLabelProblem(label));
  const words = query?.match(/\S+/g) ?? [];
  if (words.length > MAX_QUERY_WORDS) throw invalid("query", `has more than ${MAX_QUERY_WORDS} words`);
  const conditions = toItemConditions(filter);
  if (conditions.length > MAX_CONDITIONS)
    throw invalid("filter", `has more than ${MAX_CONDITIONS} conditions`);
  for (const condition of conditions) refuse(`filter.${condition.field}`, conditionProblem(condition));
  const found = await listItems(deps.db, { ...search, words, conditions });
  await refresh(deps, found, search);
  return found.map(({ expires_at: _, ...item }) => ({ ...item, score: null }));
}

async function refresh(
  { db, storeTtl }: Deps,
  items: readonly StoredItem[],
  { refreshTtl = storeTtl?.refresh_on_read ?? true }: ReadOptions,
): Promise<void> {
  const mortal = refreshTtl ? items.filter(({ expires_at }) => expires_at !== null) : [];
  if (mortal.length === 0) return;
  await updateItemExpiries(db, mortal, storeTtl?.default_ttl_minutes ?? null);
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
