import { ThreadEventsDropped } from "../domain/events-dropped.ts";
import { compareEntryIds, FIRST_ENTRY_ID, type ThreadEntryId } from "../domain/thread-stream.ts";
import { type Bell, createBell } from "./bell.ts";
import type { FollowThreadOptions, ThreadEntry, ThreadEntryKind } from "./run-bus.ts";

/** Threads of which it is remembered what is gone although nothing of them is kept. */
const MAX_REMEMBERED = 10_000;

/** By kind, the last entry that is no longer kept. */
type Dropped = Readonly<Record<ThreadEntryKind, ThreadEntryId>>;

interface Log {
  readonly entries: ThreadEntry[];
  readonly bell: Bell;
  dropped: Dropped;
  readonly readers: Set<Reader>;
  isEnded: boolean;
}

interface Reader {
  readonly kinds: readonly ThreadEntryKind[];
  /** After the last entry that it has been told. */
  next: ThreadEntryId;
  /** What was gone when it asked for the oldest that is kept; null when it named a place. */
  readonly excused: Dropped | null;
  /** Entries from before where it began that have come since. */
  readonly late: Set<ThreadEntry>;
  /** What it has been told, by id: an entry of another process may come after a later one. */
  told: Set<string>;
}

/** What happened on the threads of one process. A log is there while it has entries or readers. */
export interface ThreadLogs {
  /** An id above all before. */
  nextId(): ThreadEntryId;
  add(threadId: string, entry: ThreadEntry): void;
  /** An id after everything that is known of a thread, and before everything that will be. */
  idAfterAll(threadId: string): ThreadEntryId;
  /**
   * Adds an entry of another process at its place. One that has just happened is told to everyone who follows,
   * even if the clock of that process says that it is from before.
   * @returns false when it is there, or was dropped
   */
  mirror(threadId: string, entry: ThreadEntry, isNew: boolean): boolean;
  /** Forgets an entry that can be mirrored again. */
  unload(threadId: string, entry: ThreadEntry): void;
  /** Forgets entries. Whoever needs one of them is told. */
  remove(threadId: string, isGone: (entry: ThreadEntry) => boolean): void;
  /** Whether someone follows the thread who has not been told of this entry. */
  isAwaited(threadId: string, id: ThreadEntryId, kind: ThreadEntryKind): boolean;
  find(threadId: string): readonly ThreadEntry[];
  follow(threadId: string, options: FollowThreadOptions): AsyncGenerator<ThreadEntry, void, undefined>;
  end(threadId: string): void;
  isWatched(threadId: string): boolean;
  watched(): readonly string[];
}

/** @param idTag what ids differ in from those that another process makes in the same millisecond: 0 to 999 */
export function createThreadLogs(idTag = 0): ThreadLogs {
  const logs = new Map<string, Log>();
  const remembered = new Map<string, Dropped>();
  /** Those of `logs` that have readers: looked for often, so not searched for. */
  const watched = new Set<string>();
  let droppedAnywhere: Dropped = { runs: FIRST_ENTRY_ID, state: FIRST_ENTRY_ID };
  let lastId = FIRST_ENTRY_ID;

  const logOf = (threadId: string): Log => {
    const known = logs.get(threadId);
    if (known !== undefined) return known;
    const dropped = remembered.get(threadId) ?? droppedAnywhere;
    remembered.delete(threadId);
    const created: Log = { entries: [], bell: createBell(), dropped, readers: new Set(), isEnded: false };
    logs.set(threadId, created);
    return created;
  };

  const noteReaders = (threadId: string, log: Log) => {
    if (logs.get(threadId) !== log) return;
    if (log.readers.size > 0) watched.add(threadId);
    else watched.delete(threadId);
  };

  const forgetIfUnused = (threadId: string, log: Log) => {
    if (log.entries.length > 0 || log.readers.size > 0 || logs.get(threadId) !== log) return;
    logs.delete(threadId);
    remembered.set(threadId, log.dropped);
    for (const [oldest, dropped] of remembered) {
      if (remembered.size <= MAX_REMEMBERED) break;
      remembered.delete(oldest);
      droppedAnywhere = latestOf(droppedAnywhere, dropped);
    }
  };

  return {
    nextId() {
      const ms = Math.max(Date.now(), lastId.ms);
      lastId = { ms, n: ms === lastId.ms ? nextWithTag(lastId.n, idTag) : idTag };
      return lastId;
    },

    add(threadId, entry) {
      const log = logOf(threadId);
      log.entries.push(entry);
      log.bell.ring();
    },

    idAfterAll(threadId) {
      const log = logs.get(threadId);
      const { runs, state } = log?.dropped ?? remembered.get(threadId) ?? droppedAnywhere;
      const ids = [runs, state, ...(log?.entries ?? []).map(({ id }) => id)];
      const { ms, n } = ids.reduce((one, other) => (compareEntryIds(one, other) > 0 ? one : other));
      return { ms, n: n + 1 };
    },

    mirror(threadId, entry, isNew) {
      const log = logOf(threadId);
      const isKnown = log.entries.some(({ id }) => compareEntryIds(id, entry.id) === 0);
      if (isKnown || compareEntryIds(entry.id, log.dropped[kindOf(entry)]) <= 0) {
        forgetIfUnused(threadId, log);
        return false;
      }
      const index = log.entries.findIndex(({ id }) => compareEntryIds(id, entry.id) > 0);
      log.entries.splice(index === -1 ? log.entries.length : index, 0, entry);
      if (isNew) for (const { late } of log.readers) late.add(entry);
      // What happens here from now on is later, whatever the clocks say.
      if (compareEntryIds(lastId, entry.id) < 0) lastId = entry.id;
      log.bell.ring();
      return true;
    },

    unload(threadId, entry) {
      const log = logs.get(threadId);
      const index = log?.entries.indexOf(entry) ?? -1;
      if (log === undefined || index === -1) return;
      log.entries.splice(index, 1);
      for (const { late } of log.readers) late.delete(entry);
      forgetIfUnused(threadId, log);
    },

    remove(threadId, isGone) {
      const log = logs.get(threadId);
      if (log === undefined) return;
      for (const entry of log.entries.filter(isGone)) {
        log.entries.splice(log.entries.indexOf(entry), 1);
        log.dropped = latestOf(log.dropped, { ...log.dropped, [kindOf(entry)]: entry.id });
      }
      forgetIfUnused(threadId, log);
    },

    isAwaited(threadId, id, kind) {
      const readers = [...(logs.get(threadId)?.readers ?? [])];
      return readers.some(({ kinds, next }) => kinds.includes(kind) && compareEntryIds(next, id) <= 0);
    },

    find: (threadId) => logs.get(threadId)?.entries ?? [],

    async *follow(threadId, { from, kinds, signal }) {
      const log = logOf(threadId);
      const reader: Reader = {
        kinds,
        next: from ?? FIRST_ENTRY_ID,
        excused: from === null ? log.dropped : null,
        late: new Set(),
        told: new Set(),
      };
      const start = reader.next;
      log.readers.add(reader);
      noteReaders(threadId, log);
      let isAtStart = from === null;
      try {
        while (!signal.aborted && !log.isEnded) {
          if (!isAtStart) requireKept(log, reader);
          const entry = findFrom(log, start, reader);
          if (entry === undefined) {
            await log.bell.wait(signal);
            continue;
          }
          yield entry;
          remember(log, reader, entry);
          isAtStart = false;
        }
      } finally {
        log.readers.delete(reader);
        noteReaders(threadId, log);
        forgetIfUnused(threadId, log);
      }
    },

    end(threadId) {
      remembered.delete(threadId);
      const log = logs.get(threadId);
      if (log === undefined) return;
      log.isEnded = true;
      logs.delete(threadId);
      watched.delete(threadId);
      log.bell.ring();
    },

    isWatched: (threadId) => watched.has(threadId),
    watched: () => [...watched],
  };
}

function requireKept({ dropped }: Log, { kinds, next, excused }: Reader): void {
  for (const kind of kinds) {
    if (excused?.[kind] === dropped[kind]) continue;
    if (compareEntryIds(next, dropped[kind]) < 0) throw new ThreadEventsDropped({ ...dropped[kind], seq: 0 });
  }
}

function findFrom({ entries }: Log, start: ThreadEntryId, reader: Reader): ThreadEntry | undefined {
  const { kinds, told, late } = reader;
  const isDue = (entry: ThreadEntry) => compareEntryIds(entry.id, start) >= 0 || late.has(entry);
  return entries.find((entry) => isDue(entry) && kinds.includes(kindOf(entry)) && !told.has(keyOf(entry)));
}

function remember({ entries }: Log, reader: Reader, entry: ThreadEntry): void {
  const after = { ms: entry.id.ms, n: entry.id.n + 1 };
  if (compareEntryIds(after, reader.next) > 0) reader.next = after;
  reader.told.add(keyOf(entry));
  reader.late.delete(entry);
  if (reader.told.size <= 2 * entries.length + FORGOTTEN_AT) return;
  const { told } = reader;
  reader.told = new Set(entries.map(keyOf).filter((key) => told.has(key)));
}

/** A reader remembers so many entries that are gone before it forgets them. */
const FORGOTTEN_AT = 1000;

const keyOf = ({ id }: ThreadEntry): string => `${id.ms}-${id.n}`;

/** The next number that is the tag modulo 1000, of which nobody else has the same. */
const nextWithTag = (n: number, tag: number): number => (Math.floor(n / 1000) + 1) * 1000 + tag;

const kindOf = ({ kind }: ThreadEntry): ThreadEntryKind => (kind === "state_updated" ? "state" : "runs");

const latestOf = (one: Dropped, other: Dropped): Dropped => ({
  runs: compareEntryIds(one.runs, other.runs) > 0 ? one.runs : other.runs,
  state: compareEntryIds(one.state, other.state) > 0 ? one.state : other.state,
});
