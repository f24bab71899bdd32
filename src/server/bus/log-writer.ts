import { setTimeout as sleep } from "node:timers/promises";
import type { EventLog, LogBatch, LoggedEnd, LoggedEntry, LoggedEvent } from "./event-log.ts";
import { isFirstSeq } from "./run-bus.ts";

export interface LogWriterOptions {
  /** Most bytes of events that wait to be written, as they do while the log is away. The oldest go first. */
  readonly maxPendingBytes: number;
  /** Told after a batch is in the log. */
  readonly onWritten: (batch: LogBatch) => void;
  readonly onError: (error: unknown) => void;
}

/** Writes what happens in this process to the log: all runs together, in order, one batch at a time. */
export interface LogWriter extends AsyncDisposable {
  /** They go with the next batch, a few milliseconds later; the first of a run at once. */
  addEvents(runId: string, events: readonly Omit<LoggedEvent, "run_id">[]): void;
  /** Goes at once, with all before it: somebody may be waiting. */
  addEnd(end: LoggedEnd): void;
  addEntry(entry: LoggedEntry): void;
  /** Null while there is room; else what resolves when there is again, or the log turns out to be away. */
  whenReady(): Promise<void> | null;
  /** Writes at once what waits. Resolves when what had been added is written or given up. Does not fail. */
  flush(): Promise<void>;
}

/** Between two batches, so that the events of a moment, of whatever runs, share a statement. */
const TICK_MS = 15;
const MAX_BATCH_EVENTS = 2000;
const MAX_BATCH_BYTES = 2 * 1024 * 1024;
const MAX_BACKOFF_MS = 2000;
/** With so much to be written, whoever adds more should wait. */
const ENOUGH_BYTES = 8 * 1024 * 1024;
/** How long to wait for a log that does not answer before it counts as away. */
const READY_TIMEOUT_MS = 1000;
/** How long `flush` waits for a log that is away. */
const FLUSH_TIMEOUT_MS = 5000;

export function createLogWriter(log: EventLog, options: LogWriterOptions): LogWriter {
  const { maxPendingBytes, onWritten, onError } = options;
  const closing = new AbortController();
  let events: LoggedEvent[] = [];
  let ends: LoggedEnd[] = [];
  let entries: LoggedEntry[] = [];
  let pendingBytes = 0;
  let writing: Promise<void> | null = null;
  let isHurried = false;
  let isAway = false;
  let room: { readonly made: Promise<void>; readonly make: () => void } | null = null;
  let pause: { readonly over: Promise<void>; readonly end: () => void } | null = null;

  const isEmpty = () => events.length === 0 && ends.length === 0 && entries.length === 0;

  /** Takes the oldest events, and ends and entries only with the last of them: they come after those. */
  const takeBatch = (): LogBatch => {
    let count = 0;
    for (let bytes = 0; count < Math.min(events.length, MAX_BATCH_EVENTS); count++) {
      bytes += sizeOf(events[count] as LoggedEvent);
      if (bytes > MAX_BATCH_BYTES && count > 0) break;
    }
    const isLast = count === events.length;
    const batch = { events: events.slice(0, count), ends: isLast ? ends : [], entries };
    events = events.slice(count);
    entries = [];
    if (isLast) ends = [];
    for (const event of batch.events) pendingBytes -= sizeOf(event);
    return batch;
  };

  const makeRoom = () => {
    room?.make();
    room = null;
  };

  const setAway = (value: boolean) => {
    isAway = value;
    if (value) makeRoom();
  };

  /** For a log that is away nobody waits: what it cannot take is dropped in the end. */
  const whenReady = (): Promise<void> | null => {
    if (isAway || pendingBytes < ENOUGH_BYTES) return null;
    if (room === null) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(setAway, READY_TIMEOUT_MS, true);
      const make = () => {
        clearTimeout(timer);
        resolve();
      };
      room = { made: promise, make };
    }
    return room.made;
  };

  /** @returns whether the batch is done with: written, or never to be. */
  const tryToWrite = async (batch: LogBatch, isFirstTry: boolean): Promise<boolean> => {
    try {
      await log.append(batch);
    } catch (error) {
      setAway(true);
      const isGivenUp = !log.isRetriable(error) || closing.signal.aborted;
      if (isFirstTry || isGivenUp) onError(error);
      return isGivenUp;
    }
    setAway(false);
    if (pendingBytes < ENOUGH_BYTES) makeRoom();
    onWritten(batch);
    return true;
  };

  /** Later batches wait, so the order stays. */
  const write = async (batch: LogBatch) => {
    for (let failures = 0; !(await tryToWrite(batch, failures === 0)); failures++) {
      const backoffMs = Math.min(100 * 2 ** failures, MAX_BACKOFF_MS);
      await sleep(backoffMs, undefined, { signal: closing.signal }).catch(() => undefined); // a last try
    }
  };

  const writeAll = async () => {
    // What is added in the same turn goes along.
    await new Promise((resolve) => setImmediate(resolve));
    while (!isEmpty()) {
      isHurried = false;
      await write(takeBatch());
      // With more than a batch there is nothing to wait for.
      if (isHurried || events.length >= MAX_BATCH_EVENTS || pendingBytes >= MAX_BATCH_BYTES) continue;
      pause = startPause(TICK_MS);
      await pause.over;
      pause = null;
    }
    writing = null;
  };

  const start = () => {
    writing ??= writeAll();
  };

  const hurry = () => {
    isHurried = true;
    start();
    pause?.end();
  };

  const dropOldest = () => {
    let count = 0;
    for (; pendingBytes > maxPendingBytes && count < events.length; count++) {
      pendingBytes -= sizeOf(events[count] as LoggedEvent);
    }
    events.splice(0, count);
  };

  const flush = async () => {
    const timeout = new AbortController();
    const timer = sleep(FLUSH_TIMEOUT_MS, undefined, { signal: timeout.signal }).catch(() => undefined);
    hurry();
    await Promise.race([writing, timer]);
    timeout.abort();
  };

  return {
    addEvents(runId, added) {
      for (const event of added) {
        const logged = { run_id: runId, ...event };
        events.push(logged);
        pendingBytes += sizeOf(logged);
      }
      if (pendingBytes > maxPendingBytes) dropOldest();
      if (added.some(({ seq }) => isFirstSeq(seq))) hurry();
      else start();
    },
    addEnd(end) {
      ends.push(end);
      hurry();
    },
    addEntry(entry) {
      entries.push(entry);
      start();
    },
    whenReady,
    flush,
    async [Symbol.asyncDispose]() {
      await flush();
      closing.abort();
    },
  };
}

const sizeOf = ({ event, data }: LoggedEvent): number => 200 + event.length + data.length;

function startPause(ms: number) {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  const end = () => {
    clearTimeout(timer);
    resolve();
  };
  return { over: promise, end };
}
