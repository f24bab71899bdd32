import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { conflict } from "../../domain/errors.ts";
import type { IdempotentRequest } from "../../domain/idempotency.ts";
import type { Run } from "../../domain/run.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import {
  deleteExpiredIdempotencyKeys,
  findIdempotencyKey,
  insertIdempotencyKey,
  updateIdempotencyKey,
} from "../../persistence/idempotency-keys.ts";
import { listRunsById } from "../../persistence/runs.ts";
import { type CreateDeps, createRuns, type RunCreate } from "./create-run.ts";

interface Deps extends CreateDeps {
  /** How long a key is remembered. */
  readonly idempotencyTtlMs: number;
}

export interface CreatedRun {
  readonly run: Run;
  /** Whether an earlier request with the same key has made it. */
  readonly isReplay: boolean;
  /** Whether its row is gone, as that of a stateless run at its end, but this process still knows its events. */
  readonly isRemembered: boolean;
}

/**
 * Queues runs as `createRuns` does, unless the same request has done so before: then its runs are the answer. Of
 * simultaneous requests with one key, one makes the runs and the others wait for it.
 *
 * A request that is refused leaves its key free.
 *
 * @param request null makes the runs whatever was asked before
 * @throws DomainError as `createRuns` does; `conflict` when the key was used for another request
 */
export async function createRunsOnce(
  deps: Deps,
  caller: Caller,
  requests: readonly RunCreate[],
  request: IdempotentRequest | null,
): Promise<readonly CreatedRun[]> {
  if (request === null) return (await createRuns(deps, caller, requests)).map(toNew);
  const answered = await replay(deps, caller, request);
  if (answered !== null) return answered;

  let isTaken = false;
  const takeKey = async (tx: Queryable, insert: () => Promise<readonly Run[]>) => {
    // Before anything else: whoever waits for the key must not hold the lock on a thread.
    isTaken = !(await insertIdempotencyKey(tx, caller.identity, request, deps.idempotencyTtlMs));
    if (isTaken) return [];
    const runs = await insert();
    await updateIdempotencyKey(tx, caller.identity, request.key, runs);
    return runs;
  };
  const runs = await createRuns(deps, caller, requests, takeKey);
  if (!isTaken) return runs.map(toNew);
  const other = await replay(deps, caller, request);
  if (other === null)
    throw conflict(`Idempotency-Key '${request.key}' has just expired; send the request again`);
  return other;
}

/** Forgets the keys whose time is over. @returns how many */
export const sweepIdempotencyKeys = ({ db }: { readonly db: Database }): Promise<number> =>
  deleteExpiredIdempotencyKeys(db);

const toNew = (run: Run): CreatedRun => ({ run, isReplay: false, isRemembered: false });

/** Runs as they are now, and those that are gone as they were made. @returns null when the key is free */
async function replay(
  { db, bus }: Deps,
  caller: Caller,
  { key, fingerprint }: IdempotentRequest,
): Promise<readonly CreatedRun[] | null> {
  const answered = await findIdempotencyKey(db, caller.identity, key);
  if (answered === null) return null;
  if (answered.fingerprint !== fingerprint) {
    throw conflict(`Idempotency-Key '${key}' was used for another request; choose a new key for this one`);
  }
  const ids = answered.runs.map(({ run_id }) => run_id);
  const rows = new Map((await listRunsById(db, caller.identity, ids)).map((run) => [run.run_id, run]));
  return Promise.all(
    answered.runs.map(async (made) => ({
      run: rows.get(made.run_id) ?? made,
      isReplay: true,
      isRemembered: !rows.has(made.run_id) && (await isRemembered(bus, made.run_id)),
    })),
  );
}

/** How long another process may take to tell how a run ended. */
const ANSWER_MS = 600;

const isRemembered = async (bus: RunBus, runId: string): Promise<boolean> =>
  (await bus.waitForEnd(runId, AbortSignal.timeout(ANSWER_MS))) !== null;
