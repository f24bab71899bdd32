import type { CheckpointRef } from "../../domain/checkpoint.ts";
import { notFound } from "../../domain/errors.ts";
import { findMissingCheckpoint } from "../../persistence/checkpoints.ts";
import type { Queryable } from "../../persistence/database.ts";

/**
 * Checks that a thread has the checkpoint that is named, if one is: LangGraph would start with an empty state.
 * @throws DomainError `not_found`
 */
export async function requireCheckpoint(
  db: Queryable,
  threadId: string,
  { checkpoint_id, checkpoint_ns = "" }: CheckpointRef,
): Promise<void> {
  if (checkpoint_id !== undefined) await requireAll(db, threadId, [[checkpoint_ns, checkpoint_id]]);
}

/**
 * The same for a checkpoint that a run starts from. When it is one of a subgraph, its map says where the
 * graphs around it start.
 */
export async function requireForkPoint(
  db: Queryable,
  threadId: string,
  checkpoint: CheckpointRef,
): Promise<void> {
  await requireCheckpoint(db, threadId, checkpoint);
  await requireAll(db, threadId, Object.entries(checkpoint.checkpoint_map ?? {}));
}

async function requireAll(
  db: Queryable,
  threadId: string,
  checkpoints: readonly (readonly [namespace: string, id: string])[],
): Promise<void> {
  if (checkpoints.length === 0) return;
  const missing = await findMissingCheckpoint(db, threadId, checkpoints);
  if (missing !== null) throw notFound(`Checkpoint of thread '${threadId}'`, missing);
}
