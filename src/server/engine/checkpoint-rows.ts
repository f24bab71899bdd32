import type { Attempt } from "../domain/run.ts";

/** What a saver writes at once, all of it to one thread. */
export interface Rows {
  readonly checkpoints: readonly CheckpointRow[];
  readonly values: readonly ValueRow[];
  readonly writes: readonly WriteRow[];
}

interface CheckpointRow {
  readonly checkpoint_ns: string;
  readonly checkpoint_id: string;
  readonly parent_checkpoint_id: string | undefined;
  /** JSON. */
  readonly checkpoint: Uint8Array;
  /** JSON. */
  readonly metadata: Uint8Array;
}

interface ValueRow {
  readonly checkpoint_ns: string;
  readonly channel: string;
  readonly version: string;
  readonly type: string;
  readonly blob: Uint8Array | undefined;
}

interface WriteRow {
  readonly checkpoint_ns: string;
  readonly checkpoint_id: string;
  readonly task_id: string;
  readonly task_path: string;
  readonly idx: number;
  readonly channel: string;
  readonly type: string;
  readonly blob: Uint8Array;
  /** Whether it takes the place of one that is there already; else that one stays. */
  readonly replaces: boolean;
}

/** What was to be written one after the other, as if it had been: of rows that replace each other, the last one. */
export const joinRows = (all: readonly Rows[]): Rows => ({
  checkpoints: lastOfEach(
    all.flatMap(({ checkpoints }) => checkpoints),
    ({ checkpoint_ns, checkpoint_id }) => [checkpoint_ns, checkpoint_id],
  ),
  values: all.flatMap(({ values }) => values),
  writes: withoutReplaced(all.flatMap(({ writes }) => writes)),
});

/** One statement cannot touch a row twice. */
function withoutReplaced(writes: readonly WriteRow[]): readonly WriteRow[] {
  const keyOf = ({ checkpoint_ns, checkpoint_id, task_id, idx }: WriteRow) => [
    checkpoint_ns,
    checkpoint_id,
    task_id,
    idx,
  ];
  const replacing = writes.filter(({ replaces }) => replaces);
  if (replacing.length === 0) return writes;
  const taken = new Set(replacing.map((row) => JSON.stringify(keyOf(row))));
  const kept = writes.filter((row) => !row.replaces && !taken.has(JSON.stringify(keyOf(row))));
  return [...kept, ...lastOfEach(replacing, keyOf)];
}

const lastOfEach = <T>(rows: readonly T[], keyOf: (row: T) => readonly unknown[]): readonly T[] =>
  rows.length < 2 ? rows : [...new Map(rows.map((row) => [JSON.stringify(keyOf(row)), row])).values()];

/** The parameters of `WRITE_ROWS`. Attempt null: for whoever executes no run. */
export function toParameters(
  threadId: string,
  attempt: Attempt | null,
  { checkpoints, values, writes }: Rows,
): unknown[] {
  const bytes = createBytes();
  const placesOf = (blobs: readonly (Uint8Array | undefined)[]) => {
    const places = blobs.map(bytes.add);
    return [places.map(({ start }) => start), places.map(({ length }) => length)] as const;
  };
  const columns = [
    ...columnsOf(checkpoints, ["checkpoint_ns", "checkpoint_id", "parent_checkpoint_id"]),
    ...placesOf(checkpoints.map(({ checkpoint }) => checkpoint)),
    ...placesOf(checkpoints.map(({ metadata }) => metadata)),
    ...columnsOf(values, ["checkpoint_ns", "channel", "version", "type"]),
    ...placesOf(values.map(({ blob }) => blob)),
    ...columnsOf(writes, [
      "checkpoint_ns",
      "checkpoint_id",
      "task_id",
      "task_path",
      "idx",
      "channel",
      "type",
      "replaces",
    ]),
    ...placesOf(writes.map(({ blob }) => blob)),
  ];
  return [threadId, attempt?.run_id, attempt?.attempt, bytes.join(), ...columns];
}

const columnsOf = <T>(rows: readonly T[], names: readonly (keyof T)[]): unknown[][] =>
  names.map((name) => rows.map((row) => row[name] ?? null));

/** Values one after the other, and where each of them begins, counted from one as Postgres does. */
function createBytes() {
  const parts: Uint8Array[] = [];
  let next = 1;
  return {
    /** @returns a null length for a value that there is not */
    add(part: Uint8Array | undefined): { readonly start: number; readonly length: number | null } {
      const start = next;
      if (part === undefined) return { start, length: null };
      parts.push(part);
      next += part.length;
      return { start, length: part.length };
    },
    join: () => Buffer.concat(parts),
  };
}
