import { type Checkpoint, compareWritesSortKeys, writesSortKey } from "@langchain/langgraph-checkpoint";
import type { CheckpointPart, StoredWrite } from "./checkpoint-statements.ts";

/** A checkpoint as it is stored, with all that belongs to it. */
export interface StoredCheckpoint {
  readonly row: Omit<Part<"checkpoint">, "checkpoint"> & { readonly checkpoint: Checkpoint };
  readonly values: Part<"value">[];
  readonly writes: Part<"write">[];
}

type Part<P extends CheckpointPart["part"]> = Extract<CheckpointPart, { readonly part: P }>;

/** Puts the parts together that were read as rows, in any order. @returns the checkpoints, newest first */
export function toStoredCheckpoints(parts: readonly CheckpointPart[]): StoredCheckpoint[] {
  const byPosition = Map.groupBy(parts, ({ position }) => Number(position));
  const positions = [...byPosition.keys()].toSorted((one, other) => one - other);
  return positions.map((position) => {
    const own = byPosition.get(position) ?? [];
    return {
      row: own.find(({ part }) => part === "checkpoint") as StoredCheckpoint["row"],
      values: own.filter(({ part }) => part === "value") as Part<"value">[],
      writes: own.filter(({ part }) => part === "write") as Part<"write">[],
    };
  });
}

/** In the order in which the graph has applied them. */
export const inWriteOrder = <T extends StoredWrite>(writes: readonly T[]): T[] =>
  writes.toSorted((one, other) =>
    compareWritesSortKeys(
      writesSortKey(one.task_path, one.task_id, one.idx),
      writesSortKey(other.task_path, other.task_id, other.idx),
    ),
  );
