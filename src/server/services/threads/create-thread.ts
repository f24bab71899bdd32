import type { Caller } from "../../domain/caller.ts";
import { conflict, DomainError, invalid } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { newId } from "../../domain/new-id.ts";
import type { NewThreadTtl, Thread } from "../../domain/thread.ts";
import type { Engine } from "../../engine/engine.ts";
import type { Superstep } from "../../engine/thread-supersteps.ts";
import { type Database, isDatabaseError } from "../../persistence/database.ts";
import { findThread, insertThread } from "../../persistence/threads.ts";
import { writeLatestState } from "./refresh-thread.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
}

interface NewThread {
  readonly thread_id: string;
  readonly metadata: JsonObject;
  readonly ttl: NewThreadTtl | null;
}

export interface ThreadCreate {
  /** Null lets the server choose. */
  readonly thread_id: string | null;
  readonly metadata: JsonObject;
  readonly if_exists: "raise" | "do_nothing";
  /** Absent or null lets the thread live for ever. */
  readonly ttl?: NewThreadTtl | null;
  /** What its graph is said to have done on it already; the metadata name the graph. */
  readonly supersteps?: readonly Superstep[];
}

/**
 * Makes a thread, with the state that the supersteps leave. If one of them is refused there is no thread.
 *
 * @throws DomainError `conflict` when the id is taken and the caller did not ask for the existing one;
 *   for supersteps, `not_found` when there is no such graph, and `validation_error` when none is named or it
 *   refuses them
 */
export async function createThread(
  deps: Deps,
  caller: Caller,
  { thread_id, metadata, if_exists, ttl = null, supersteps = [] }: ThreadCreate,
): Promise<Thread> {
  const { db } = deps;
  const thread = { thread_id: thread_id ?? newId(), metadata, ttl };
  const created =
    supersteps.length === 0
      ? await insertThread(db, caller.identity, thread)
      : await insertThreadWithState(deps, caller, thread, supersteps);
  if (created !== null) return created;

  const existing = await findThread(db, caller.identity, thread.thread_id);
  if (if_exists === "do_nothing" && existing !== null) return existing;
  throw conflict(`Thread '${thread.thread_id}' already exists`);
}

/** @returns null when the id is taken */
async function insertThreadWithState(
  { db, engine }: Deps,
  caller: Caller,
  thread: NewThread,
  supersteps: readonly Superstep[],
): Promise<Thread | null> {
  const { thread_id, metadata } = thread;
  const graph_id = metadata["graph_id"];
  if (typeof graph_id !== "string") {
    throw invalid("supersteps", "need a graph to apply them; name it in metadata.graph_id");
  }
  engine.requireGraph(graph_id);
  const graph = { graph_id, thread_id, configurable: {} };
  return db.transaction(async (tx) => {
    if ((await insertThread(tx, caller.identity, thread)) === null) return null;
    // From here on the id is this request's. A server that died at this point may have left something.
    await engine.deleteThreadState(thread_id);
    try {
      await engine.applySupersteps(graph, supersteps).catch(refuseSupersteps);
      await writeLatestState(engine, tx, graph);
    } catch (error) {
      await engine.deleteThreadState(thread_id);
      throw error;
    }
    return findThread(tx, caller.identity, thread_id);
  });
}

/** The graph's own code takes the values in: whatever it throws is its way to refuse them. */
function refuseSupersteps(cause: unknown): never {
  if (cause instanceof DomainError || isDatabaseError(cause)) throw cause;
  throw invalid("supersteps", cause instanceof Error ? cause.message : String(cause), { cause });
}
