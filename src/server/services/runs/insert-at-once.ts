import type { Caller } from "../../domain/caller.ts";
import { newId } from "../../domain/new-id.ts";
import type { Run } from "../../domain/run.ts";
import type { Queryable } from "../../persistence/database.ts";
import { insertRunOnThread, insertRunWithThread } from "../../persistence/runs.ts";
import type { PreparedRun } from "./create-run.ts";
import { threadSettings, toNewRun } from "./new-run.ts";

/**
 * Queues a run with one statement, where nothing has to be looked at first: one that waits for its turn on a thread
 * that is there, or gets a thread of its own. That is what most runs are.
 * @returns null when it takes more than that
 */
export async function insertAtOnce(
  db: Queryable,
  caller: Caller,
  prepared: PreparedRun,
): Promise<Run | null> {
  const { assistant, request } = prepared;
  const { thread_id, checkpoint, config, multitask_strategy, on_completion } = request;
  const namesCheckpoint = checkpoint.checkpoint_id !== undefined || checkpoint.checkpoint_map !== undefined;
  if (namesCheckpoint || config.run_id !== undefined) return null;
  if (thread_id === null) {
    if (on_completion === "keep") return null;
    const run = toNewRun(assistant, newId(), request);
    return insertRunWithThread(db, caller.identity, run, threadSettings(prepared));
  }
  if (multitask_strategy !== "enqueue") return null;
  const run = toNewRun(assistant, thread_id, request);
  return insertRunOnThread(db, caller.identity, run, threadSettings(prepared));
}
