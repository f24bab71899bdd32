import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { notFound } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { totalOfLastPage } from "../../domain/page.ts";
import type { FoundThread, NewThreadTtl, Thread, ThreadTtl } from "../../domain/thread.ts";
import { deleteCheckpointsOfThread } from "../../persistence/checkpoints.ts";
import type { Database } from "../../persistence/database.ts";
import { listUnfinishedRuns } from "../../persistence/runs.ts";
import {
  countThreads as countRows,
  listThreads,
  type ThreadFilter,
  type ThreadListing,
} from "../../persistence/thread-search.ts";
import { findThreadTtl, updateThreadTtl } from "../../persistence/thread-ttl.ts";
import {
  deleteThread as deleteRow,
  findThread,
  findThreadForUpdate,
  updateThreadMetadata,
} from "../../persistence/threads.ts";
import type { WakeUps } from "../wake-ups.ts";

interface Deps {
  readonly db: Database;
}

/** @throws DomainError `not_found` */
export async function getThread({ db }: Deps, caller: Caller, threadId: string): Promise<Thread> {
  const found = await findThread(db, caller.identity, threadId);
  if (found === null) throw notFound("Thread", threadId);
  return found;
}

/** A thread, and until when it may live, unless that is for ever. @throws DomainError `not_found` */
export async function getThreadWithTtl(
  { db }: Deps,
  caller: Caller,
  threadId: string,
): Promise<Thread & { readonly ttl?: ThreadTtl }> {
  const thread = await getThread({ db }, caller, threadId);
  const ttl = await findThreadTtl(db, threadId);
  return ttl === null ? thread : { ...thread, ttl };
}

export interface ThreadChange {
  /** Merged into the thread's, key by key. */
  readonly metadata: JsonObject;
  /** Counts from now; null lets the thread live for ever, and absent leaves it as it is. */
  readonly ttl?: NewThreadTtl | null | undefined;
}

/** @throws DomainError `not_found` */
export async function updateThread(
  { db }: Deps,
  caller: Caller,
  threadId: string,
  { metadata, ttl }: ThreadChange,
): Promise<Thread> {
  return db.transaction(async (tx) => {
    const updated = await updateThreadMetadata(tx, caller.identity, threadId, metadata);
    if (updated === null) throw notFound("Thread", threadId);
    if (ttl !== undefined) await updateThreadTtl(tx, threadId, ttl);
    return updated;
  });
}

interface DeleteDeps extends Deps {
  readonly bus: RunBus;
  readonly wakeUps: WakeUps;
}

/** Deletes a thread with its runs and state. @throws DomainError `not_found` */
export async function deleteThread(deps: DeleteDeps, caller: Caller, threadId: string): Promise<void> {
  if (!(await deleteThreadIfThere(deps, caller, threadId))) throw notFound("Thread", threadId);
}

/**
 * The same, for a thread that need not be there. Runs in flight are stopped: without their rows they can
 * write nothing any more.
 *
 * @returns whether there was one
 */
export async function deleteThreadIfThere(
  { db, bus, wakeUps }: DeleteDeps,
  caller: Caller,
  threadId: string,
): Promise<boolean> {
  const stopped = await db.transaction(async (tx) => {
    const thread = await findThreadForUpdate(tx, caller.identity, threadId);
    if (thread === null) return null;
    const unfinished = await listUnfinishedRuns(tx, threadId);
    await deleteRow(tx, caller.identity, threadId);
    await deleteCheckpointsOfThread(tx, threadId);
    return unfinished;
  });
  if (stopped === null) return false;
  bus.endThread(threadId);
  wakeUps.cancelRequested(stopped);
  wakeUps.runsEnded(stopped);
  return true;
}

export type ThreadSearch = ThreadFilter & ThreadListing;

/** @returns one page, and how many there are on all pages */
export async function searchThreads(
  { db }: Deps,
  caller: Caller,
  search: ThreadSearch,
): Promise<{ readonly threads: FoundThread[]; readonly total: number }> {
  const threads = await listThreads(db, caller.identity, search, search);
  const total = totalOfLastPage(search, threads.length) ?? (await countRows(db, caller.identity, search));
  return { threads, total };
}

export const countThreads = ({ db }: Deps, caller: Caller, filter: ThreadFilter): Promise<number> =>
  countRows(db, caller.identity, filter);
