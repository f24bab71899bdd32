import type { JsonObject } from "../domain/json.ts";
import type { Page } from "../domain/page.ts";
import { type FilterOperator, NAMESPACE_SEPARATOR, type StoreItem } from "../domain/store-item.ts";
import { createConditions, escapeLike } from "./conditions.ts";
import type { Queryable } from "./database.ts";

/**
 * Items of LangGraph's `store` table, in its format. Its own statements are not used for three reasons:
 * they match a prefix inside a label (`["a"]` finds `["ab"]`), refuse labels with an underscore, and fail
 * on a comparison of a field that is not a number in every item.
 */

const ITEM = "namespace_path, key, value, created_at, updated_at";
const ALIVE = "(expires_at is null or expires_at > now())";

type Row = Omit<StoreItem, "namespace"> & { readonly namespace_path: string };

const toItem = ({ namespace_path, ...item }: Row): StoreItem => ({
  ...item,
  namespace: namespace_path.split(NAMESPACE_SEPARATOR),
});

const toPath = (namespace: readonly string[]): string => namespace.join(NAMESPACE_SEPARATOR);

export interface ItemTtl {
  /** Minutes from now until the item expires; null means never. */
  readonly ttlMinutes: number | null;
}

export async function upsertItem(
  db: Queryable,
  item: Pick<StoreItem, "namespace" | "key" | "value">,
  { ttlMinutes }: ItemTtl,
): Promise<void> {
  await db.query(
    `insert into store (namespace_path, key, value, expires_at)
     values ($1, $2, $3, now() + $4 * interval '1 minute')
     on conflict (namespace_path, key) do update
        set value = excluded.value, expires_at = excluded.expires_at, updated_at = now()`,
    [toPath(item.namespace), item.key, item.value, ttlMinutes],
  );
}

export async function findItem(
  db: Queryable,
  namespace: readonly string[],
  key: string,
): Promise<StoreItem | null> {
  const { rows } = await db.query<Row>(
    `select ${ITEM} from store where namespace_path = $1 and key = $2 and ${ALIVE}`,
    [toPath(namespace), key],
  );
  const [row] = rows;
  return row === undefined ? null : toItem(row);
}

/** Starts the time to live of an item that has one anew. */
export async function updateItemExpiry(
  db: Queryable,
  namespace: readonly string[],
  key: string,
  { ttlMinutes }: ItemTtl,
): Promise<void> {
  await db.query(
    `update store set expires_at = now() + $3 * interval '1 minute'
      where namespace_path = $1 and key = $2 and expires_at is not null`,
    [toPath(namespace), key, ttlMinutes],
  );
}

export async function deleteItem(db: Queryable, namespace: readonly string[], key: string): Promise<void> {
  await db.query("delete from store where namespace_path = $1 and key = $2", [toPath(namespace), key]);
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
  /** Words that must occur in the value; null means any value. */
  readonly query: string | null;
}

const COMPARISONS: Partial<Record<FilterOperator, string>> = { $gt: ">", $gte: ">=", $lt: "<", $lte: "<=" };

/** Items below a namespace, last changed first. */
export async function listItems(db: Queryable, search: ItemSearch): Promise<StoreItem[]> {
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
  if (search.query !== null) conditions.add("value::text ilike ?", `%${escapeLike(search.query)}%`);
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
