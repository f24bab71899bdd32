import type { ThreadState } from "./checkpoint.ts";

/**
 * What a stream of a thread tells: `run_modes` everything that its runs stream, `lifecycle` when they begin and
 * end, `state_update` what becomes of its state.
 */
export const THREAD_STREAM_MODES = ["run_modes", "lifecycle", "state_update"] as const;
export type ThreadStreamMode = (typeof THREAD_STREAM_MODES)[number];

/** Where something happened on a thread. Ids rise with time, also over restarts of the server. */
export interface ThreadEntryId {
  /** Time of the server, in milliseconds since 1970. */
  readonly ms: number;
  /** Tells apart what happens within a millisecond. */
  readonly n: number;
}

/** A place between two events of a thread: after an entry, or after an event of the run that began with it. */
export interface ThreadPlace extends ThreadEntryId {
  /** Number of the event within its run; 0 for the entry itself. */
  readonly seq: number;
}

/** Something that happened on a thread, without the events of its runs. */
export type NewThreadEntry =
  | { readonly kind: "run_began"; readonly run_id: string; readonly attempt: number }
  | { readonly kind: "run_ended"; readonly run_id: string }
  | { readonly kind: "state_updated"; readonly state: ThreadState };

/** Before everything that ever happens. */
export const FIRST_ENTRY_ID: ThreadEntryId = { ms: 0, n: 0 };

/** @returns a negative number when the first is earlier, 0 when they are the same */
export const compareEntryIds = (one: ThreadEntryId, other: ThreadEntryId): number =>
  one.ms - other.ms || one.n - other.n;

/** `<ms>-<n>`, and `-<seq>` for the event of a run. */
export const formatPlace = ({ ms, n, seq }: ThreadPlace): string =>
  seq === 0 ? `${ms}-${n}` : `${ms}-${n}-${seq}`;

const PLACE = /^(\d{1,15})-(\d{1,9})(?:-(\d{1,16}))?$/;

/** @returns null for a text that `formatPlace` does not write */
export function parsePlace(text: string): ThreadPlace | null {
  const [, ms, n, seq] = PLACE.exec(text) ?? [];
  return ms === undefined ? null : { ms: Number(ms), n: Number(n), seq: Number(seq ?? 0) };
}
