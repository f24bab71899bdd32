import { defaultAssistantId } from "../domain/assistant.ts";
import type { Caller } from "../domain/caller.ts";
import { conflict } from "../domain/errors.ts";
import type { Engine } from "../engine/engine.ts";
import { deleteAssistant as deleteRow } from "../persistence/assistants.ts";
import { deleteCheckpointsOfThread } from "../persistence/checkpoints.ts";
import type { Database } from "../persistence/database.ts";
import { listThreadsWithUnfinishedRuns, listUnfinishedRunsOfAssistant } from "../persistence/runs.ts";
import {
  deleteThread,
  listThreadsOfAssistant,
  lockThread,
  updateThreadStatusFromRuns,
} from "../persistence/threads.ts";
import { getAssistantForUpdate } from "./assistants.ts";
import type { WakeUps } from "./wake-ups.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
}

/**
 * Deletes an assistant with its runs. Runs in flight lose their row, and with it everything they could
 * still write; no thread is left busy with them.
 *
 * @param deleteThreads whether the threads that were last used with it go too
 * @throws DomainError `not_found`; `conflict` for the default assistant of a graph that is served
 */
export async function deleteAssistant(
  { db, engine, wakeUps }: Deps,
  caller: Caller,
  assistantOrGraphId: string,
  { deleteThreads }: { readonly deleteThreads: boolean },
): Promise<void> {
  const stopped = await db.transaction(async (tx) => {
    const { assistant_id } = await getAssistantForUpdate(tx, caller, assistantOrGraphId);
    if (engine.graphs.some(({ graph_id }) => defaultAssistantId(graph_id) === assistant_id)) {
      throw conflict(
        `Assistant '${assistantOrGraphId}' belongs to a graph of the configuration; remove the graph there`,
      );
    }
    const busy = await listThreadsWithUnfinishedRuns(tx, assistant_id);
    const doomed = deleteThreads ? await listThreadsOfAssistant(tx, caller.identity, assistant_id) : [];
    // Sorted, so that two deletions lock the threads they share in the same order.
    for (const threadId of [...new Set([...busy, ...doomed])].toSorted()) await lockThread(tx, threadId);

    const unfinished = await listUnfinishedRunsOfAssistant(tx, assistant_id);
    await deleteRow(tx, assistant_id);
    for (const threadId of busy) await updateThreadStatusFromRuns(tx, threadId);
    for (const threadId of doomed) {
      await deleteThread(tx, caller.identity, threadId);
      await deleteCheckpointsOfThread(tx, threadId);
    }
    return unfinished;
  });
  wakeUps.cancelRequested(stopped);
  wakeUps.runsEnded(stopped);
}
