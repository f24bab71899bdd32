import type { RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { notFound } from "../../domain/errors.ts";
import { newId } from "../../domain/new-id.ts";
import type { Thread } from "../../domain/thread.ts";
import type { Engine } from "../../engine/engine.ts";
import { copyCheckpoints } from "../../persistence/checkpoints.ts";
import type { Database } from "../../persistence/database.ts";
import { findThreadForUpdate, insertThreadCopy } from "../../persistence/threads.ts";
import type { WakeUps } from "../wake-ups.ts";
import { refreshThread } from "./refresh-thread.ts";
import { deleteThreadIfThere, getThread } from "./threads.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
}

/**
 * Makes a thread with the state and history of another, that goes on by itself from there. It has neither
 * its runs nor its time to live. A copy that is made during a run has what is saved of it by then, as if the
 * run had been cancelled at that moment.
 *
 * @throws DomainError `not_found`; `validation_error` when the graph of a busy thread cannot be made to read it
 */
export async function copyThread(deps: Deps, caller: Caller, threadId: string): Promise<Thread> {
  const { db } = deps;
  const copyId = newId();
  const wasBusy = await db.transaction(async (tx) => {
    const original = await findThreadForUpdate(tx, caller.identity, threadId);
    if (original === null) throw notFound("Thread", threadId);
    await insertThreadCopy(tx, { from: threadId, to: copyId });
    await copyCheckpoints(tx, { from: threadId, to: copyId });
    return original.status === "busy";
  });
  if (wasBusy) await showCopiedState(deps, caller, copyId);
  return getThread({ db }, caller, copyId);
}

/** During a run, the row of the original still shows what was before it. */
async function showCopiedState(deps: Deps, caller: Caller, copyId: string): Promise<void> {
  try {
    await refreshThread(deps, copyId, "interrupt");
  } catch (error) {
    await deleteThreadIfThere(deps, caller, copyId);
    throw error;
  }
}
