import type { IdempotentRequest } from "../domain/idempotency.ts";
import type { Run } from "../domain/run.ts";
import type { Queryable } from "./database.ts";

/**
 * Takes a key for a request, or one whose time is over. Waits for a transaction that is about to take the same one.
 * @returns false when a request has it
 */
export async function insertIdempotencyKey(
  tx: Queryable,
  owner: string,
  { key, fingerprint }: IdempotentRequest,
  ttlMs: number,
): Promise<boolean> {
  const { rowCount } = await tx.query(
    `insert into idempotency_keys as taken (owner, key, fingerprint, expires_at)
     values ($1, $2, $3, now() + $4 * interval '1 millisecond')
     on conflict (owner, key) do update
        set fingerprint = excluded.fingerprint, runs = null, expires_at = excluded.expires_at
      where taken.expires_at <= now()`,
    [owner, key, fingerprint, ttlMs],
  );
  return rowCount === 1;
}

/** Keeps what the request of a key was answered with. */
export async function updateIdempotencyKey(
  tx: Queryable,
  owner: string,
  key: string,
  runs: readonly Run[],
): Promise<void> {
  await tx.query("update idempotency_keys set runs = $3 where owner = $1 and key = $2", [
    owner,
    key,
    JSON.stringify(runs),
  ]);
}

export interface AnsweredRequest {
  readonly fingerprint: string;
  /** As they were when they were made, in the order of the request. */
  readonly runs: readonly Run[];
}

/** @returns null when the key is free, or its time is over */
export async function findIdempotencyKey(
  db: Queryable,
  owner: string,
  key: string,
): Promise<AnsweredRequest | null> {
  const { rows } = await db.query<AnsweredRequest>(
    `select fingerprint, runs from idempotency_keys where owner = $1 and key = $2 and expires_at > now()`,
    [owner, key],
  );
  const [row] = rows;
  if (row === undefined) return null;
  return { ...row, runs: row.runs.map(withDates) };
}

/** JSON has no dates. */
const withDates = (run: Run): Run => ({
  ...run,
  created_at: new Date(run.created_at),
  updated_at: new Date(run.updated_at),
});

/** @returns how many were deleted because their time is over */
export async function deleteExpiredIdempotencyKeys(db: Queryable): Promise<number> {
  const { rowCount } = await db.query("delete from idempotency_keys where expires_at <= now()");
  return rowCount ?? 0;
}
