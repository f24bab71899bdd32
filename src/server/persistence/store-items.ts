import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import type { Attempt } from "../domain/run.ts";
import {
  type FilterOperator,
  type ItemIndex,
  NAMESPACE_SEPARATOR,
  type StoreItem,
} from "../domain/store-item.ts";
import { createConditions, escapeLike } from "./conditions.ts";
import { only, type Queryable } from "./database.ts";

/**
 * Items of LangGraph's `store` table, in its format. Its own statements are not used for three reasons:
 * they match a prefix inside a label (`["a"]` finds `["ab"]`), refuse labels with an underscore, and fail
 * on a comparison of a field that is not a number in every item.
 */

const ITEM = "namespace_path, key, value, created_at, updated_at, expires_at";
const ALIVE = "(expires_at is null or expires_at > now())";

export interface StoredItem extends StoreItem {
  /** Null for an item that stays. */
  readonly expires_at: Date | null;
}

type Row = Omit<StoredItem, "namespace"> & { readonly namespace_path: string };

const toItem = ({ namespace_path, ...item }: Row): StoredItem => ({
  ...item,
  namespace: namespace_path.split(NAMESPACE_SEPARATOR),
});

const toPath = (namespace: readonly string[]): string => namespace.join(NAMESPACE_SEPARATOR);

export interface ItemSettings {
  /** Kept for the search by meaning. */
  readonly index: ItemIndex;
  /** Minutes from now until the item expires; null means never. */
  readonly ttlMinutes: number | null;
}

/**
 * What a run writes is written as long as the attempt has it. The lock makes whoever takes the run over wait for a
 * statement that has begun, and this one look again if it was late.
 */
const fence = (runId: string, attempt: string): string => `
     fence as materialized (
       select from runs where run_id = ${runId} and attempt = ${attempt} and status = 'running' for key share),
     held as (select ${runId}::uuid is null or exists (select from fence) as held)`;

/**
 * @param attempt what writes the item; null for a client
 * @returns false when the attempt is over, and nothing was written
 */
export async function upsertItem(
  db: Queryable,
  item: Pick<StoreItem, "namespace" | "key" | "value">,
  { index, ttlMinutes }: ItemSettings,
  attempt: Attempt | null,
): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `with ${fence("$6", "$7")},
     written as (
       insert into store (namespace_path, key, value, index_fields, ttl_minutes, expires_at)
       select $1, $2, $3::jsonb, $4::jsonb, $5, now() + $5 * interval '1 minute' from held where held
       on conflict (namespace_path, key) do update
          set value = excluded.value, index_fields = excluded.index_fields,
              ttl_minutes = excluded.ttl_minutes, expires_at = excluded.expires_at, updated_at = now())
     select held from held`,
    [
      toPath(item.namespace),
      item.key,
      item.value,
      // As text: pg would make an array of Postgres of a list.
      index === null ? null : JSON.stringify(index),
      ttlMinutes,
      attempt?.run_id,
      attempt?.attempt,
    ],
  );
  return only(rows).held;
}

export async function findItem(
  db: Queryable,
  namespace: readonly string[],
  key: string,
): Promise<StoredItem | null> {
  const { rows } = await db.query<Row>(
    `select ${ITEM} from store where namespace_path = $1 and key = $2 and ${ALIVE}`,
    [toPath(namespace), key],
  );
  const [row] = rows;
  return row === undefined ? null : toItem(row);
}

/**
 * Starts the time to live of those items anew that have one. An item that is being written at the moment is
 * left out: it gets its time from there, and two searches cannot wait for each other.
 *
 * @param defaultTtlMinutes for items that LangGraph put, of which it is not known how long they were to live;
 *   null leaves those as they are
 */
export async function updateItemExpiries(
  db: Queryable,
  items: readonly Pick<StoreItem, "namespace" | "key">[],
  defaultTtlMinutes: number | null,
): Promise<void> {
  await db.query(
    `with read as (
       select namespace_path, key
         from store join unnest($1::text[], $2::text[]) as wanted (namespace_path, key)
              using (namespace_path, key)
        where expires_at > now() and coalesce(ttl_minutes, $3::float) is not null
          for update of store skip locked)
     update store set expires_at = now() + coalesce(ttl_minutes, $3::float) * interval '1 minute'
       from read
      where store.namespace_path = read.namespace_path and store.key = read.key`,
    [items.map(({ namespace }) => toPath(namespace)), items.map(({ key }) => key), defaultTtlMinutes],
  );
}

/** @returns false when the attempt is over, and nothing was deleted */
export async function deleteItem(
  db: Queryable,
  namespace: readonly string[],
  key: string,
  attempt: Attempt | null,
): Promise<boolean> {
  const { rows } = await db.query<{ held: boolean }>(
    `with ${fence("$3", "$4")},
     deleted as (
       delete from store using held where held and namespace_path = $1 and key = $2)
     select held from held`,
    [toPath(namespace), key, attempt?.run_id, attempt?.attempt],
  );
  return only(rows).held;
}

export interface ItemCondition {
  readonly field: string;
  readonly operator: FilterOperator;
  readonly operand: unknown;
}

export interface ItemSearch extends Page {
  /** Empty means everywhere. */
  readonly prefix: readonly string[];
  readonly conditions: readonly ItemCondition[];
  /** Each of them occurs in the value's text, in any case. */
  readonly words: readonly string[];
}

const COMPARISONS: Partial<Record<FilterOperator, string>> = { $gt: ">", $gte: ">=", $lt: "<", $lte: "<=" };

/** Items below a namespace, last changed first. */
export async function listItems(db: Queryable, search: ItemSearch): Promise<StoredItem[]> {
  const conditions = createConditions();
  addPrefix(conditions, search.prefix);
  for (const { field, operator, operand } of search.conditions) {
    const column = `(value -> ${conditions.value(field)}::text)`;
    const comparison = COMPARISONS[operator];
    if (operator === "$eq") conditions.add(`${column} = ?::jsonb`, JSON.stringify(operand));
    else if (operator === "$ne")
      conditions.add(`${column} is distinct from ?::jsonb`, JSON.stringify(operand));
    else {
      // Values of different types are not comparable: text never matches a bound that is a number.
      conditions.add(`jsonb_typeof(${column}) = ?`, typeof operand);
      conditions.add(`${column} ${comparison} ?::jsonb`, JSON.stringify(operand));
    }
  }
  if (search.words.length > 0) {
    const patterns = search.words.map((word) => `%${escapeLike(word)}%`);
    conditions.add("value::text ilike all (?::text[])", patterns);
  }
  const { rows } = await db.query<Row>(
    `select ${ITEM} from store ${conditions.where === "" ? "where" : `${conditions.where} and`} ${ALIVE}
      order by updated_at desc, namespace_path, key
      limit ${conditions.value(search.limit)} offset ${conditions.value(search.offset)}`,
    [...conditions.values],
  );
  return rows.map(toItem);
}

function addPrefix(conditions: ReturnType<typeof createConditions>, prefix: readonly string[]): void {
  if (prefix.length === 0) return;
  const path = toPath(prefix);
  const exact = conditions.value(path);
  conditions.add(
    `(namespace_path = ${exact} or namespace_path like ?)`,
    `${escapeLike(path)}${NAMESPACE_SEPARATOR}%`,
  );
}

/** `*` in a prefix or suffix stands for any one label. */
export interface NamespaceSearch extends Page {
  readonly prefix: readonly string[];
  readonly suffix: readonly string[];
  /** Cuts longer namespaces to so many labels. Null means no limit. */
  readonly maxDepth: number | null;
}

export async function listNamespaces(db: Queryable, search: NamespaceSearch): Promise<string[][]> {
  const conditions = createConditions();
  const labels = `string_to_array(namespace_path, '${NAMESPACE_SEPARATOR}')`;
  for (const [index, label] of search.prefix.entries()) {
    if (label !== "*") conditions.add(`(${labels})[${index + 1}] = ?`, label);
  }
  for (const [index, label] of search.suffix.toReversed().entries()) {
    if (label !== "*") conditions.add(`(${labels})[cardinality(${labels}) - ${index}] = ?`, label);
  }
  const least = Math.max(search.prefix.length, search.suffix.length);
  conditions.add(`cardinality(${labels}) >= ?`, least);
  const cut = search.maxDepth === null ? labels : `(${labels})[1:${conditions.value(search.maxDepth)}::int]`;
  const { rows } = await db.query<{ namespace: string[] }>(
    `select distinct ${cut} as namespace from store ${conditions.where} and ${ALIVE}
      order by namespace
      limit ${conditions.value(search.limit)} offset ${conditions.value(search.offset)}`,
    [...conditions.values],
  );
  return rows.map(({ namespace }) => namespace);
}

/** The filter of the protocol, `{field: value}` or `{field: {$op: operand}}`, as a list of conditions. */
export function toItemConditions(filter: JsonObject): ItemCondition[] {
  return Object.entries(filter).flatMap(([field, wanted]) =>
    isOperators(wanted)
      ? Object.entries(wanted).map(([operator, operand]) => ({
          field,
          operator: operator as FilterOperator,
          operand,
        }))
      : [{ field, operator: "$eq" as const, operand: wanted }],
  );
}

const isOperators = (wanted: unknown): wanted is Record<string, unknown> =>
  typeof wanted === "object" &&
  wanted !== null &&
  !Array.isArray(wanted) &&
  Object.keys(wanted).some((key) => key.startsWith("$"));
