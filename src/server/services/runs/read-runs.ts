import type { Caller } from "../../domain/caller.ts";
import { conflict, notFound } from "../../domain/errors.ts";
import type { Page } from "../../domain/page.ts";
import { isFinished, type Run, type RunStatus } from "../../domain/run.ts";
import type { Database } from "../../persistence/database.ts";
import { deleteRun as deleteRow, findRun, listRuns as listRows } from "../../persistence/runs.ts";
import { getThread } from "../threads/threads.ts";

interface Deps {
  readonly db: Database;
}

/** @param threadId null finds the run on whatever thread it is. @throws DomainError `not_found` */
export async function getRun(
  { db }: Deps,
  caller: Caller,
  threadId: string | null,
  runId: string,
): Promise<Run> {
  const run = await findRun(db, caller.identity, threadId, runId);
  if (run === null) throw notFound("Run", runId);
  return run;
}

/** Runs of a thread, newest first. @throws DomainError `not_found` for the thread */
export async function listRuns(
  { db }: Deps,
  caller: Caller,
  threadId: string,
  page: Page & { readonly status?: RunStatus | undefined },
): Promise<Run[]> {
  await getThread({ db }, caller, threadId);
  return listRows(db, caller.identity, threadId, page);
}

/**
 * Deletes the row of a finished run; the state it left on the thread stays.
 * @throws DomainError `not_found`, `conflict` while the run is in progress
 */
export async function deleteRun(
  { db }: Deps,
  caller: Caller,
  threadId: string,
  runId: string,
): Promise<void> {
  const run = await getRun({ db }, caller, threadId, runId);
  if (!isFinished(run.status)) throw conflict(`Run '${runId}' is in progress; cancel it first`);
  await deleteRow(db, runId);
}
