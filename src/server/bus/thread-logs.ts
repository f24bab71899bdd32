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
  /** The first id that it has not been told. */
  next: ThreadEntryId;
}

/** What happened on the threads of one process. A log is there while it has entries or readers. */
export interface ThreadLogs {
  /** An id above all before. */
  nextId(): ThreadEntryId;
  add(threadId: string, entry: ThreadEntry): void;
  /** Forgets entries. Whoever needs one of them is told. */
  remove(threadId: string, isGone: (entry: ThreadEntry) => boolean): void;
  /** Whether someone follows the thread who has not been told of this entry. */
  isAwaited(threadId: string, id: ThreadEntryId, kind: ThreadEntryKind): boolean;
  find(threadId: string): readonly ThreadEntry[];
  follow(threadId: string, options: FollowThreadOptions): AsyncGenerator<ThreadEntry, void, undefined>;
  end(threadId: string): void;
  watched(): readonly string[];
}

export function createThreadLogs(): ThreadLogs {
  const logs = new Map<string, Log>();
  const remembered = new Map<string, Dropped>();
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
      lastId = { ms, n: ms === lastId.ms ? lastId.n + 1 : 0 };
      return lastId;
    },

    add(threadId, entry) {
      const log = logOf(threadId);
      log.entries.push(entry);
      log.bell.ring();
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
      const reader: Reader = { kinds, next: from ?? FIRST_ENTRY_ID };
      log.readers.add(reader);
      let isAtStart = from === null;
      try {
        while (!signal.aborted && !log.isEnded) {
          if (!isAtStart) requireKept(log, reader);
          const entry = findFrom(log, reader);
          if (entry === undefined) {
            await log.bell.wait(signal);
            continue;
          }
          yield entry;
          reader.next = { ms: entry.id.ms, n: entry.id.n + 1 };
          isAtStart = false;
        }
      } finally {
        log.readers.delete(reader);
        forgetIfUnused(threadId, log);
      }
    },

    end(threadId) {
      remembered.delete(threadId);
      const log = logs.get(threadId);
      if (log === undefined) return;
      log.isEnded = true;
      logs.delete(threadId);
      log.bell.ring();
    },

    watched: () => [...logs].filter(([, { readers }]) => readers.size > 0).map(([id]) => id),
  };
}

function requireKept({ dropped }: Log, { kinds, next }: Reader): void {
  for (const kind of kinds) {
    if (compareEntryIds(next, dropped[kind]) < 0) throw new ThreadEventsDropped({ ...dropped[kind], seq: 0 });
  }
}

const findFrom = ({ entries }: Log, { kinds, next }: Reader): ThreadEntry | undefined =>
  entries.find((entry) => compareEntryIds(entry.id, next) >= 0 && kinds.includes(kindOf(entry)));

const kindOf = ({ kind }: ThreadEntry): ThreadEntryKind => (kind === "state_updated" ? "state" : "runs");

const latestOf = (one: Dropped, other: Dropped): Dropped => ({
  runs: compareEntryIds(one.runs, other.runs) > 0 ? one.runs : other.runs,
  state: compareEntryIds(one.state, other.state) > 0 ? one.state : other.state,
});
