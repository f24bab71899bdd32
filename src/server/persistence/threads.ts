import type { JsonObject } from "../domain/json.ts";
import { type NewThreadTtl, THREAD_FIELDS, type Thread, type ThreadOutcome } from "../domain/thread.ts";
import type { Queryable } from "./database.ts";

const THREAD = THREAD_FIELDS.map((field) => `"${field}"`).join(", ");

/** @returns null when the id is taken */
export async function insertThread(
  db: Queryable,
  owner: string,
  thread: Pick<Thread, "thread_id" | "metadata"> & { readonly ttl?: NewThreadTtl | null },
): Promise<Thread | null> {
  const { ttl = null } = thread;
  const { rows } = await db.query<Thread>({
    name: "insert_thread",
    text: `insert into threads (thread_id, owner, metadata, ttl_strategy, ttl_minutes, expires_at)
     values ($1, $2, $3, $4, $5::float8, now() + $5::float8 * interval '1 minute')
     on conflict (thread_id) do nothing
     returning ${THREAD}`,
    values: [thread.thread_id, owner, thread.metadata, ttl?.strategy ?? null, ttl?.ttl_minutes ?? null],
  });
  return rows[0] ?? null;
}

/** Makes a thread that looks like another, which must be there; one that is busy leaves an idle copy. */
export async function insertThreadCopy(
  tx: Queryable,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<void> {
  await tx.query(
    `insert into threads (thread_id, owner, metadata, config, status, "values", interrupts, error)
     select $2::uuid, owner, metadata,
            -- Some clients name the thread in the configuration too.
            jsonb_set(config, '{configurable,thread_id}', to_jsonb($2::text), false),
            case when status = 'busy' then 'idle' else status end,
            "values", interrupts, error
       from threads where thread_id = $1`,
    [from, to],
  );
}

export async function findThread(db: Queryable, owner: string, threadId: string): Promise<Thread | null> {
  const { rows } = await db.query<Thread>({
    name: "find_thread",
    text: `select ${THREAD} from threads where thread_id = $1 and owner = $2`,
    values: [threadId, owner],
  });
  return rows[0] ?? null;
}

/** Finds a thread the owner may see and locks its row until the transaction ends. */
export async function findThreadForUpdate(
  tx: Queryable,
  owner: string,
  threadId: string,
): Promise<Thread | null> {
  const { rows } = await tx.query<Thread>({
    name: "find_thread_for_update",
    text: `select ${THREAD} from threads where thread_id = $1 and owner = $2 for update`,
    values: [threadId, owner],
  });
  return rows[0] ?? null;
}

/**
 * Locks a thread whoever owns it. Transactions that touch a thread and its runs lock the thread first:
 * with one order for all of them there is no deadlock.
 *
 * @returns false when the thread is gone
 */
export async function lockThread(tx: Queryable, threadId: string): Promise<boolean> {
  const { rowCount } = await tx.query({
    name: "lock_thread",
    text: "select 1 from threads where thread_id = $1 for update",
    values: [threadId],
  });
  return rowCount === 1;
}

/** Merges `metadata` into the thread's, key by key. @returns null when there is no such thread */
export async function updateThreadMetadata(
  db: Queryable,
  owner: string,
  threadId: string,
  metadata: JsonObject,
): Promise<Thread | null> {
  const { rows } = await db.query<Thread>(
    `update threads
        set metadata = metadata || $3, updated_at = now()
      where thread_id = $1 and owner = $2
     returning ${THREAD}`,
    [threadId, owner, metadata],
  );
  return rows[0] ?? null;
}

/** Leaves what a finished run or a state update made of the thread; it stays busy while runs are waiting. */
export async function updateThreadOutcome(
  tx: Queryable,
  threadId: string,
  { status, values, interrupts, error }: ThreadOutcome,
): Promise<void> {
  await tx.query({
    name: "update_thread_outcome",
    text: `update threads
        set status = case when exists (
              select 1 from runs where runs.thread_id = $1 and runs.status in ('pending', 'running'))
              then 'busy' else $2 end,
            "values" = coalesce($3::jsonb, "values"), interrupts = $4, error = $5,
            updated_at = now(), state_updated_at = now()
      where thread_id = $1`,
    values: [
      threadId,
      status,
      values === null ? null : JSON.stringify(values),
      interrupts,
      error === null ? null : JSON.stringify(error),
    ],
  });
}

/** Sets the status that the remaining runs give the thread: busy while there are any, else what it was before. */
export async function updateThreadStatusFromRuns(tx: Queryable, threadId: string): Promise<void> {
  await tx.query(
    `update threads
        set status = case
              when exists (
                select 1 from runs where runs.thread_id = $1 and runs.status in ('pending', 'running'))
                then 'busy'
              when error is not null then 'error'
              when interrupts <> '{}' then 'interrupted'
              else 'idle' end,
            updated_at = now()
      where thread_id = $1`,
    [threadId],
  );
}

/** Deletes a thread with its runs. @returns whether there was one */
export async function deleteThread(tx: Queryable, owner: string, threadId: string): Promise<boolean> {
  const { rowCount } = await tx.query("delete from threads where thread_id = $1 and owner = $2", [
    threadId,
    owner,
  ]);
  return rowCount === 1;
}

/** Threads whose last run used an assistant. */
export async function listThreadsOfAssistant(
  db: Queryable,
  owner: string,
  assistantId: string,
): Promise<string[]> {
  const { rows } = await db.query<{ thread_id: string }>(
    "select thread_id from threads where owner = $1 and metadata @> $2",
    [owner, { assistant_id: assistantId }],
  );
  return rows.map(({ thread_id }) => thread_id);
}

/**
 * Which graph a thread talks to and how it was configured: all of a thread that reading its state needs.
 * @param owner null for a thread of whoever
 */
export async function findThreadGraph(
  db: Queryable,
  owner: string | null,
  threadId: string,
): Promise<{ readonly graph_id: unknown; readonly configurable: unknown } | null> {
  const { rows } = await db.query<{ graph_id: unknown; configurable: unknown }>({
    name: "find_thread_graph",
    text: `select metadata -> 'graph_id' as graph_id, config -> 'configurable' as configurable
       from threads where thread_id = $1 and owner = coalesce($2, owner)`,
    values: [threadId, owner],
  });
  return rows[0] ?? null;
}

/**
 * Leaves what the latest state says on the row of a thread; a busy one is left to its run.
 *
 * @param outcome.values null when the thread has no state
 * @param options.keepsError whether a thread whose last run failed stays failed
 */
export async function updateIdleThreadOutcome(
  db: Queryable,
  threadId: string,
  { status, values, interrupts }: Omit<ThreadOutcome, "error">,
  { keepsError }: { readonly keepsError: boolean },
): Promise<void> {
  await db.query(
    `update threads
        set status = case when $5 and error is not null then 'error' else $2 end,
            error = case when $5 then error end,
            "values" = $3, interrupts = $4, updated_at = now(), state_updated_at = now()
      where thread_id = $1 and status <> 'busy'`,
    [threadId, status, values === null ? null : JSON.stringify(values), interrupts, keepsError],
  );
}

/** Deletes the thread that was made for a run, whoever owns it. Its runs go with it. */
export async function deleteThreadOfRun(tx: Queryable, threadId: string): Promise<void> {
  await tx.query({
    name: "delete_thread_of_run",
    text: "delete from threads where thread_id = $1",
    values: [threadId],
  });
}

/** Which of these threads there are. */
export async function listExistingThreads(db: Queryable, threadIds: readonly string[]): Promise<string[]> {
  const { rows } = await db.query<{ thread_id: string }>(
    "select thread_id from threads where thread_id = any($1::uuid[])",
    [threadIds],
  );
  return rows.map(({ thread_id }) => thread_id);
}
