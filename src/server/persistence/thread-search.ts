import type { ExtractPath } from "../domain/extract-path.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page, SortOrder } from "../domain/page.ts";
import {
  type FoundThread,
  THREAD_FIELDS,
  type ThreadField,
  type ThreadSortKey,
  type ThreadStatus,
} from "../domain/thread.ts";
import { type Conditions, createConditions } from "./conditions.ts";
import { only, type Queryable } from "./database.ts";

export interface ThreadFilter {
  readonly ids?: readonly string[] | undefined;
  readonly metadata?: JsonObject | undefined;
  readonly values?: JsonObject | undefined;
  readonly status?: ThreadStatus | undefined;
}

export interface ThreadListing extends Page {
  readonly sort_by: ThreadSortKey;
  readonly sort_order: SortOrder;
  /** The fields to read; all of them when absent. */
  readonly select?: readonly ThreadField[] | undefined;
  /** By the name under which it is returned, what else to read out of the thread. */
  readonly extract?: Readonly<Record<string, ExtractPath>> | undefined;
}

/** Only what is asked for leaves the database: `values` can be large. */
export async function listThreads(
  db: Queryable,
  owner: string,
  filter: ThreadFilter,
  { sort_by, sort_order, limit, offset, select = THREAD_FIELDS, extract }: ThreadListing,
): Promise<FoundThread[]> {
  const conditions = toConditions(owner, filter);
  const columns = [...new Set(select)].map((field) => `"${field}"`);
  if (extract !== undefined) columns.push(`${toExtracted(extract, conditions)} as extracted`);
  const { rows } = await db.query<FoundThread>(
    `select ${columns.join(", ")} from threads ${conditions.where}
      order by ${sort_by} ${sort_order}, thread_id
      limit ${conditions.value(limit)} offset ${conditions.value(offset)}`,
    [...conditions.values],
  );
  return rows;
}

export async function countThreads(db: Queryable, owner: string, filter: ThreadFilter): Promise<number> {
  const conditions = toConditions(owner, filter);
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from threads ${conditions.where}`,
    [...conditions.values],
  );
  return only(rows).count;
}

/** Threads that were made for one run alone are none of the caller's. */
function toConditions(owner: string, filter: ThreadFilter): Conditions {
  const conditions = createConditions();
  conditions.add("owner = ? and not ephemeral", owner);
  if (filter.ids !== undefined) conditions.add("thread_id = any(?::uuid[])", filter.ids);
  if (filter.status !== undefined) conditions.add("status = ?", filter.status);
  if (filter.metadata !== undefined) conditions.add("metadata @> ?", filter.metadata);
  if (filter.values !== undefined) conditions.add('"values" @> ?', filter.values);
  return conditions;
}

/** An object of what the paths lead to, null where there is nothing. */
function toExtracted(extract: Readonly<Record<string, ExtractPath>>, conditions: Conditions): string {
  const pairs = Object.entries(extract).map(
    ([alias, { root, steps }]) =>
      `${conditions.value(alias)}::text, "${root}" #> ${conditions.value([...steps])}::text[]`,
  );
  return `jsonb_build_object(${pairs.join(", ")})`;
}
