import type { Assistant, AssistantSortKey, NewAssistant } from "../domain/assistant.ts";
import type { JsonObject } from "../domain/json.ts";
import type { Page, SortOrder } from "../domain/page.ts";
import { createConditions, escapeLike } from "./conditions.ts";
import { only, type Queryable } from "./database.ts";

const VERSIONED = "assistant_id, version, graph_id, name, description, config, context, metadata";
const ASSISTANT = `${VERSIONED}, created_at, updated_at`;

export interface AssistantFilter {
  readonly graph_id?: string | undefined;
  /** Part of the name, in any case. */
  readonly name?: string | undefined;
  readonly metadata?: JsonObject | undefined;
}

/** @returns null when the id is taken */
export async function insertAssistant(
  db: Queryable,
  owner: string,
  assistant: NewAssistant,
): Promise<Assistant | null> {
  const { rows } = await db.query<Assistant>(
    `with inserted as (
       insert into assistants (assistant_id, owner, graph_id, name, description, config, context, metadata)
       values ($1, $2, $3, $4, $5, $6, $7, $8)
       on conflict (assistant_id) do nothing
       returning ${ASSISTANT}),
     versioned as (
       insert into assistant_versions (${VERSIONED}) select ${VERSIONED} from inserted)
     select ${ASSISTANT} from inserted`,
    [
      assistant.assistant_id,
      owner,
      assistant.graph_id,
      assistant.name,
      assistant.description,
      assistant.config,
      assistant.context,
      assistant.metadata,
    ],
  );
  return rows[0] ?? null;
}

/** Renews the description of an assistant that is as it was made; one that was changed keeps its own. */
export async function updateFirstDescription(
  db: Queryable,
  assistantId: string,
  description: string | null,
): Promise<void> {
  await db.query(
    `with renewed as (
       update assistants set description = $2, updated_at = now()
        where assistant_id = $1 and version = 1 and description is distinct from $2
       returning assistant_id, version)
     update assistant_versions versions set description = $2
       from renewed
      where versions.assistant_id = renewed.assistant_id
        and versions.version = renewed.version`,
    [assistantId, description],
  );
}

/** Finds an assistant that one of the owners has. */
export async function findAssistant(
  db: Queryable,
  owners: readonly string[],
  assistantId: string,
): Promise<Assistant | null> {
  const { rows } = await db.query<Assistant>({
    name: "find_assistant",
    text: `select ${ASSISTANT} from assistants where assistant_id = $1 and owner = any($2)`,
    values: [assistantId, owners],
  });
  return rows[0] ?? null;
}

/** The same, locked until the transaction ends, so that two changes cannot make the same version. */
export async function findAssistantForUpdate(
  tx: Queryable,
  owners: readonly string[],
  assistantId: string,
): Promise<Assistant | null> {
  const { rows } = await tx.query<Assistant>(
    `select ${ASSISTANT} from assistants where assistant_id = $1 and owner = any($2) for update`,
    [assistantId, owners],
  );
  return rows[0] ?? null;
}

/** Makes `next` the newest version of the assistant and the one in use. */
export async function insertAssistantVersion(tx: Queryable, next: NewAssistant): Promise<Assistant> {
  const { rows } = await tx.query<Assistant>(
    `with versioned as (
       insert into assistant_versions (${VERSIONED})
       select $1, max(version) + 1, $2, $3, $4, $5, $6, $7 from assistant_versions where assistant_id = $1
       returning version)
     update assistants
        set graph_id = $2, name = $3, description = $4, config = $5, context = $6, metadata = $7,
            version = versioned.version, updated_at = now()
       from versioned
      where assistant_id = $1
     returning ${ASSISTANT.replace("version", "assistants.version")}`,
    [next.assistant_id, next.graph_id, next.name, next.description, next.config, next.context, next.metadata],
  );
  return only(rows);
}

/** Puts an earlier version back in use. @returns null when there is no such version */
export async function updateAssistantToVersion(
  tx: Queryable,
  assistantId: string,
  version: number,
): Promise<Assistant | null> {
  const { rows } = await tx.query<Assistant>(
    `update assistants
        set graph_id = v.graph_id, name = v.name, description = v.description, config = v.config,
            context = v.context, metadata = v.metadata, version = v.version, updated_at = now()
       from assistant_versions v
      where assistants.assistant_id = $1
        and v.assistant_id = $1
        and v.version = $2
     returning ${ASSISTANT.split(", ")
       .map((column) => `assistants.${column}`)
       .join(", ")}`,
    [assistantId, version],
  );
  return rows[0] ?? null;
}

/** Versions, newest first. */
export async function listAssistantVersions(
  db: Queryable,
  assistantId: string,
  { metadata, limit, offset }: Page & { readonly metadata?: JsonObject | undefined },
): Promise<Omit<Assistant, "updated_at">[]> {
  const { rows } = await db.query<Omit<Assistant, "updated_at">>(
    `select ${VERSIONED}, created_at
       from assistant_versions
      where assistant_id = $1
        and metadata @> $2
      order by version desc
      limit $3 offset $4`,
    [assistantId, metadata ?? {}, limit, offset],
  );
  return rows;
}

const toConditions = (owners: readonly string[], filter: AssistantFilter) => {
  const conditions = createConditions();
  conditions.add("owner = any(?)", owners);
  if (filter.graph_id !== undefined) conditions.add("graph_id = ?", filter.graph_id);
  if (filter.name !== undefined) conditions.add("name ilike ?", `%${escapeLike(filter.name)}%`);
  if (filter.metadata !== undefined) conditions.add("metadata @> ?", filter.metadata);
  return conditions;
};

export async function listAssistants(
  db: Queryable,
  owners: readonly string[],
  filter: AssistantFilter,
  { sort_by, sort_order, limit, offset }: Page & { sort_by: AssistantSortKey; sort_order: SortOrder },
): Promise<Assistant[]> {
  const conditions = toConditions(owners, filter);
  const { rows } = await db.query<Assistant>(
    `select ${ASSISTANT} from assistants ${conditions.where}
      order by ${sort_by} ${sort_order}, assistant_id
      limit ${conditions.value(limit)} offset ${conditions.value(offset)}`,
    [...conditions.values],
  );
  return rows;
}

export async function countAssistants(
  db: Queryable,
  owners: readonly string[],
  filter: AssistantFilter,
): Promise<number> {
  const conditions = toConditions(owners, filter);
  const { rows } = await db.query<{ count: number }>(
    `select count(*)::int as count from assistants ${conditions.where}`,
    [...conditions.values],
  );
  return only(rows).count;
}

/** @returns whether there was one */
export async function deleteAssistant(tx: Queryable, assistantId: string): Promise<boolean> {
  const { rowCount } = await tx.query("delete from assistants where assistant_id = $1", [assistantId]);
  return rowCount === 1;
}
