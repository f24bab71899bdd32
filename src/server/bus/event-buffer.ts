import type { RunEvent } from "../domain/run.ts";

/** What an event takes besides its text, roughly: for short ones it is most of it. */
const OVERHEAD_BYTES = 200;

/** The newest events of a run. */
export interface EventBuffer {
  readonly sizeBytes: number;
  /** Number of the last event that was added; 0 before the first. */
  readonly lastSeq: number;
  /** Number of the last event that was dropped; 0 when all are there. */
  readonly droppedSeq: number;
  readonly isEmpty: boolean;
  /** @param event with a number above those of all before */
  add(event: RunEvent): void;
  /** Drops the oldest events, this many bytes of them, but never the last one: it has not been read by anyone. */
  dropOldest(bytes: number): void;
  clear(): void;
  /** Drops everything and goes on after a number: what is before it is elsewhere. */
  place(seq: number): void;
  /** The events after a number, in order: at least one if there is one, and more up to so many bytes. */
  read(after: number, maxBytes: number): readonly RunEvent[];
}

export function createEventBuffer(): EventBuffer {
  let events: RunEvent[] = [];
  let sizeBytes = 0;
  let lastSeq = 0;
  let droppedSeq = 0;

  /** Index of the first event after a number. */
  const indexAfter = (seq: number): number => {
    let [low, high] = [0, events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((events[middle]?.seq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    return low;
  };

  return {
    get sizeBytes() {
      return sizeBytes;
    },
    get lastSeq() {
      return lastSeq;
    },
    get droppedSeq() {
      return droppedSeq;
    },
    get isEmpty() {
      return events.length === 0;
    },

    add(event) {
      events.push(event);
      sizeBytes += sizeOf(event);
      lastSeq = event.seq;
    },

    dropOldest(bytes) {
      let count = 0;
      for (const target = sizeBytes - bytes; count < events.length - 1 && sizeBytes > target; count++) {
        const event = events[count] as RunEvent;
        sizeBytes -= sizeOf(event);
        droppedSeq = event.seq;
      }
      events.splice(0, count);
    },

    clear() {
      events = [];
      sizeBytes = 0;
      droppedSeq = lastSeq;
    },

    place(seq) {
      events = [];
      sizeBytes = 0;
      lastSeq = seq;
      droppedSeq = seq;
    },

    read(after, maxBytes) {
      const start = indexAfter(after);
      let end = start;
      for (let bytes = 0; end < events.length; end++) {
        bytes += sizeOf(events[end] as RunEvent);
        if (bytes > maxBytes && end > start) break;
      }
      return events.slice(start, end);
    },
  };
}

const sizeOf = ({ event, data }: RunEvent): number => OVERHEAD_BYTES + event.length + Buffer.byteLength(data);
