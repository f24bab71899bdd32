import { createTimedSet } from "./timed-set.ts";

/** What is being read, and what was until a while ago: its reader may go on elsewhere. */
export interface Readers {
  enter(id: string): Reading;
  recent(): readonly string[];
}

export interface Reading {
  /** Whether it was read to its end. Then all that its reader can lack is what is still on its way. */
  isDone: boolean;
  /** Called once. */
  leave(): void;
}

/** How long what was written to a client may be on its way. */
const SENT_MS = 2000;

export function createReaders(keptMs: number): Readers {
  const present = new Map<string, number>();
  const left = createTimedSet(keptMs);
  const done = createTimedSet(SENT_MS);
  return {
    enter(id) {
      present.set(id, (present.get(id) ?? 0) + 1);
      const reading: Reading = {
        isDone: false,
        leave() {
          const others = (present.get(id) ?? 0) - 1;
          if (others > 0) present.set(id, others);
          else present.delete(id);
          (reading.isDone ? done : left).add(id);
        },
      };
      return reading;
    },
    recent: () => [...new Set([...left.all(), ...done.all(), ...present.keys()])],
  };
}
