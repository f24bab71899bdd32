import type { Caller } from "../../domain/caller.ts";
import { conflict, notFound } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { newId } from "../../domain/new-id.ts";
import type { Page, SortOrder } from "../../domain/page.ts";
import type { Thread, ThreadSortKey } from "../../domain/thread.ts";
import { deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database } from "../../persistence/database.ts";
import { listUnfinishedRuns } from "../../persistence/runs.ts";
import {
  countThreads as countRows,
  deleteThread as deleteRow,
  findThread,
  findThreadForUpdate,
  insertThread,
  listThreads,
  type ThreadFilter,
  updateThreadMetadata,
} from "../../persistence/threads.ts";
import type { WakeUps } from "../wake-ups.ts";

interface Deps {
  readonly db: Database;
}

export interface ThreadCreate {
  /** Null lets the server choose. */
  readonly thread_id: string | null;
  readonly metadata: JsonObject;
  readonly if_exists: "raise" | "do_nothing";
}

/** @throws DomainError `conflict` when the id is taken and the caller did not ask for the existing one */
export async function createThread(
  { db }: Deps,
  caller: Caller,
  { thread_id, metadata, if_exists }: ThreadCreate,
): Promise<Thread> {
  const threadId = thread_id ?? newId();
  const created = await insertThread(db, caller.identity, { thread_id: threadId, metadata });
  if (created !== null) return created;

  const existing = await findThread(db, caller.identity, threadId);
  if (if_exists === "do_nothing" && existing !== null) return existing;
  throw conflict(`Thread '${threadId}' already exists`);
}

/** @throws DomainError `not_found` */
export async function getThread({ db }: Deps, caller: Caller, threadId: string): Promise<Thread> {
  const found = await findThread(db, caller.identity, threadId);
  if (found === null) throw notFound("Thread", threadId);
  return found;
}

/** Merges metadata into the thread's. @throws DomainError `not_found` */
export async function updateThread(
  { db }: Deps,
  caller: Caller,
  threadId: string,
  { metadata }: { readonly metadata: JsonObject },
): Promise<Thread> {
  const updated = await updateThreadMetadata(db, caller.identity, threadId, metadata);
  if (updated === null) throw notFound("Thread", threadId);
  return updated;
}

/**
 * Deletes a thread with its runs and state. Runs in flight are stopped: without their rows they can write
 * nothing any more.
 *
 * @throws DomainError `not_found`
 */
export async function deleteThread(
  { db, wakeUps }: Deps & { readonly wakeUps: WakeUps },
  caller: Caller,
  threadId: string,
): Promise<void> {
  const stopped = await db.transaction(async (tx) => {
    const thread = await findThreadForUpdate(tx, caller.identity, threadId);
    if (thread === null) throw notFound("Thread", threadId);
    const unfinished = await listUnfinishedRuns(tx, threadId);
    await deleteRow(tx, caller.identity, threadId);
    await deleteCheckpointsOfThread(tx, threadId);
    return unfinished;
  });
  wakeUps.cancelRequested(stopped);
  wakeUps.runsEnded(stopped);
}

export type ThreadSearch = ThreadFilter &
  Page & { readonly sort_by: ThreadSortKey; readonly sort_order: SortOrder };

export const searchThreads = ({ db }: Deps, caller: Caller, search: ThreadSearch): Promise<Thread[]> =>
  listThreads(db, caller.identity, search, search);

export const countThreads = ({ db }: Deps, caller: Caller, filter: ThreadFilter): Promise<number> =>
  countRows(db, caller.identity, filter);
