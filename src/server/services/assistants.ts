import {
  type Assistant,
  type AssistantChange,
  type AssistantSortKey,
  defaultAssistantId,
  type NewAssistant,
  toAssistantId,
} from "../domain/assistant.ts";
import { type Caller, SYSTEM_OWNER } from "../domain/caller.ts";
import { conflict, notFound } from "../domain/errors.ts";
import type { JsonObject } from "../domain/json.ts";
import { newId } from "../domain/new-id.ts";
import type { Page, SortOrder } from "../domain/page.ts";
import { totalOfLastPage } from "../domain/page.ts";
import type { Engine } from "../engine/engine.ts";
import {
  type AssistantFilter,
  countAssistants as countRows,
  findAssistant,
  findAssistantForUpdate,
  insertAssistant,
  insertAssistantVersion,
  listAssistants,
  listAssistantVersions as listVersionRows,
  updateAssistantToVersion,
  updateFirstDescription,
} from "../persistence/assistants.ts";
import type { Database, Queryable } from "../persistence/database.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
}

/** Whose assistants a caller may use: its own and those of the server. */
export const assistantOwners = (caller: Caller): readonly string[] => [caller.identity, SYSTEM_OWNER];

/** Makes the default assistant of every graph, and renews the description of those that nobody has changed. */
export async function ensureDefaultAssistants({ db, engine }: Deps): Promise<void> {
  for (const { graph_id, description } of engine.graphs) {
    const assistant_id = defaultAssistantId(graph_id);
    const made = await insertAssistant(db, SYSTEM_OWNER, {
      assistant_id,
      graph_id,
      name: graph_id,
      description,
      config: {},
      context: {},
      metadata: { created_by: "system" },
    });
    if (made === null) await updateFirstDescription(db, assistant_id, description);
  }
}

export interface AssistantCreate extends Omit<NewAssistant, "assistant_id"> {
  readonly assistant_id: string | null;
  readonly if_exists: "raise" | "do_nothing";
}

/**
 * @throws DomainError `not_found` when there is no such graph,
 *   `conflict` when the id is taken and the caller did not ask for the existing one
 */
export async function createAssistant(
  { db, engine }: Deps,
  caller: Caller,
  { if_exists, assistant_id, ...request }: AssistantCreate,
): Promise<Assistant> {
  engine.requireGraph(request.graph_id);
  const assistantId = assistant_id ?? newId();
  const created = await insertAssistant(db, caller.identity, { assistant_id: assistantId, ...request });
  if (created !== null) return created;

  const existing = await findAssistant(db, assistantOwners(caller), assistantId);
  if (if_exists === "do_nothing" && existing !== null) return existing;
  throw conflict(`Assistant '${assistantId}' already exists`);
}

/** @throws DomainError `not_found` */
export async function getAssistant(
  { db }: { readonly db: Queryable },
  caller: Caller,
  assistantOrGraphId: string,
): Promise<Assistant> {
  const found = await findAssistant(db, assistantOwners(caller), toAssistantId(assistantOrGraphId));
  if (found === null) throw notFound("Assistant", assistantOrGraphId);
  return found;
}

/** Makes a new version of an assistant. Metadata is merged; everything else that is given is replaced. */
export async function updateAssistant(
  { db, engine }: Deps,
  caller: Caller,
  assistantOrGraphId: string,
  change: AssistantChange,
): Promise<Assistant> {
  if (change.graph_id !== undefined) engine.requireGraph(change.graph_id);
  return db.transaction(async (tx) => {
    const current = await getAssistantForUpdate(tx, caller, assistantOrGraphId);
    const metadata = { ...current.metadata, ...change.metadata };
    return insertAssistantVersion(tx, { ...current, ...change, metadata });
  });
}

/** Puts an earlier version back in use. @throws DomainError `not_found` for the assistant or the version */
export async function setLatestAssistantVersion(
  { db }: Pick<Deps, "db">,
  caller: Caller,
  assistantOrGraphId: string,
  version: number,
): Promise<Assistant> {
  return db.transaction(async (tx) => {
    const { assistant_id } = await getAssistantForUpdate(tx, caller, assistantOrGraphId);
    const updated = await updateAssistantToVersion(tx, assistant_id, version);
    if (updated === null) throw notFound(`Version of assistant '${assistantOrGraphId}'`, String(version));
    return updated;
  });
}

export async function listAssistantVersions(
  { db }: Pick<Deps, "db">,
  caller: Caller,
  assistantOrGraphId: string,
  search: Page & { readonly metadata?: JsonObject | undefined },
): Promise<Omit<Assistant, "updated_at">[]> {
  const { assistant_id } = await getAssistant({ db }, caller, assistantOrGraphId);
  return listVersionRows(db, assistant_id, search);
}

export type AssistantSearch = AssistantFilter &
  Page & { readonly sort_by: AssistantSortKey; readonly sort_order: SortOrder };

/** @returns one page, and how many there are on all pages */
export async function searchAssistants(
  { db }: Pick<Deps, "db">,
  caller: Caller,
  search: AssistantSearch,
): Promise<{ readonly assistants: Assistant[]; readonly total: number }> {
  const owners = assistantOwners(caller);
  const assistants = await listAssistants(db, owners, search, search);
  const total = totalOfLastPage(search, assistants.length) ?? (await countRows(db, owners, search));
  return { assistants, total };
}

export const countAssistants = (
  { db }: Pick<Deps, "db">,
  caller: Caller,
  filter: AssistantFilter,
): Promise<number> => countRows(db, assistantOwners(caller), filter);

/** Nodes and edges of the assistant's graph. */
export async function drawAssistant(
  { db, engine }: Deps,
  caller: Caller,
  assistantOrGraphId: string,
  xray: boolean | number,
): Promise<unknown> {
  const { graph_id, config } = await getAssistant({ db }, caller, assistantOrGraphId);
  const configurable = (config["configurable"] ?? {}) as JsonObject;
  return engine.drawGraph({ graph_id, configurable }, xray);
}

/** @throws DomainError `not_found` */
export async function getAssistantForUpdate(
  tx: Queryable,
  caller: Caller,
  assistantOrGraphId: string,
): Promise<Assistant> {
  const id = toAssistantId(assistantOrGraphId);
  const found = await findAssistantForUpdate(tx, assistantOwners(caller), id);
  if (found === null) throw notFound("Assistant", assistantOrGraphId);
  return found;
}
