import type { RunBus } from "../../bus/run-bus.ts";
import { toAssistantId } from "../../domain/assistant.ts";
import type { Caller } from "../../domain/caller.ts";
import type { Checkpoint, CheckpointRef, ThreadState } from "../../domain/checkpoint.ts";
import { conflict, DomainError, invalid, notFound } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import type { Thread } from "../../domain/thread.ts";
import type { Engine } from "../../engine/engine.ts";
import type { HistoryOptions, StateUpdate, ThreadGraph } from "../../engine/thread-state.ts";
import { updateLatestCheckpointMetadata } from "../../persistence/checkpoints.ts";
import { type Database, isDatabaseError, type Queryable } from "../../persistence/database.ts";
import { findThreadForUpdate, findThreadGraph, updateThreadMetadata } from "../../persistence/threads.ts";
import { getAssistant } from "../assistants.ts";
import { publishLatestState } from "./publish-state.ts";
import { writeLatestState } from "./refresh-thread.ts";
import { requireCheckpoint } from "./require-checkpoint.ts";
import { toThreadGraph } from "./to-thread-graph.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
}

interface WriteDeps extends Deps {
  readonly bus: RunBus;
}

/** State of a thread that no graph has run on yet. */
const EMPTY: ThreadState = {
  values: {},
  next: [],
  tasks: [],
  metadata: {},
  created_at: null,
  checkpoint: null,
  parent_checkpoint: null,
  interrupts: [],
};

export interface StateRead {
  /** Without an id, the latest state is meant. */
  readonly checkpoint: CheckpointRef;
  readonly subgraphs: boolean;
}

/** @throws DomainError `not_found` for the thread or the checkpoint */
export async function getThreadState(
  { db, engine }: Deps,
  caller: Caller,
  threadId: string,
  { checkpoint, subgraphs }: StateRead,
): Promise<ThreadState> {
  const graph = await getThreadGraph(db, caller, threadId);
  await requireCheckpoint(db, threadId, checkpoint);
  return graph === null ? EMPTY : engine.readThreadState(graph, { checkpoint, subgraphs });
}

/** States of a thread, newest first. @throws DomainError `not_found` */
export async function getThreadHistory(
  { db, engine }: Deps,
  caller: Caller,
  threadId: string,
  options: HistoryOptions,
): Promise<ThreadState[]> {
  const graph = await getThreadGraph(db, caller, threadId);
  return graph === null ? [] : engine.readThreadHistory(graph, options);
}

/**
 * Writes to the state of a thread as if a node had.
 *
 * @returns the new checkpoint
 * @throws DomainError `not_found` for the thread or the checkpoint, `conflict` while a run is in progress,
 *   `validation_error` when the thread has no graph yet or its graph refuses the update
 */
export async function updateThreadState(
  { db, bus, engine }: WriteDeps,
  caller: Caller,
  threadId: string,
  update: StateUpdate,
): Promise<Checkpoint | null> {
  const { checkpoint, state } = await db.transaction(async (tx) => {
    // The lock keeps runs from starting: the state must not change under one. The engine has connections
    // of its own, so a transaction that waits for it cannot starve it.
    const thread = await findThreadForUpdate(tx, caller.identity, threadId);
    if (thread === null) throw notFound("Thread", threadId);
    if (thread.status === "busy") {
      throw conflict(`Thread '${threadId}' has a run in progress; wait for it or cancel it first`);
    }
    await requireCheckpoint(tx, threadId, update.checkpoint);
    const { metadata, config } = thread;
    const graph =
      toThreadGraph(threadId, { graph_id: metadata["graph_id"], configurable: config["configurable"] }) ??
      (await adoptGraph(tx, caller, thread));
    const checkpoint = await engine.updateThreadState(graph, update).catch(refuseUpdate);
    return { checkpoint, state: await writeLatestState(engine, tx, graph) };
  });
  bus.publishState(threadId, state);
  return checkpoint;
}

/**
 * Merges metadata into that of the latest state, where a search in the history finds it.
 * @throws DomainError `not_found`; `conflict` when the thread has no state yet
 */
export async function patchThreadState(
  deps: WriteDeps,
  caller: Caller,
  threadId: string,
  { metadata }: { readonly metadata: JsonObject },
): Promise<void> {
  const { db } = deps;
  const graph = await getThreadGraph(db, caller, threadId);
  if (!(await updateLatestCheckpointMetadata(db, threadId, metadata))) {
    throw conflict(`Thread '${threadId}' has no state yet; run an assistant on it or update its state first`);
  }
  if (graph !== null) await publishLatestState(deps, graph);
}

/** The graph's own code takes the values in: whatever it throws is its way to refuse them. */
function refuseUpdate(cause: unknown): never {
  if (cause instanceof DomainError || isDatabaseError(cause)) throw cause;
  throw invalid("values", cause instanceof Error ? cause.message : String(cause), { cause });
}

/** @throws DomainError `not_found` for the thread */
async function getThreadGraph(db: Queryable, caller: Caller, threadId: string): Promise<ThreadGraph | null> {
  const found = await findThreadGraph(db, caller.identity, threadId);
  if (found === null) throw notFound("Thread", threadId);
  return toThreadGraph(threadId, found);
}

/** A client may name the assistant before the first run; from now on the thread talks to its graph. */
async function adoptGraph(
  db: Queryable,
  caller: Caller,
  { thread_id, metadata }: Thread,
): Promise<ThreadGraph> {
  const assistantId = metadata["assistant_id"];
  if (typeof assistantId !== "string") {
    throw new DomainError(
      "validation_error",
      `Thread '${thread_id}' has no graph yet: run an assistant on it first, or create it with metadata.graph_id`,
    );
  }
  const { graph_id } = await getAssistant({ db }, caller, toAssistantId(assistantId));
  await updateThreadMetadata(db, caller.identity, thread_id, { graph_id });
  return { graph_id, thread_id, configurable: {} };
}
