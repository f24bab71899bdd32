import type { RunEvent } from "../domain/run.ts";
import { isFirstSeq } from "./run-bus.ts";

/**
 * The last number that is missing between one and the event that is there next; null when none is. Between two
 * attempts there is no event although there are numbers.
 */
export const gapBefore = (after: number, { seq }: RunEvent): number | null =>
  seq === after + 1 || isFirstSeq(seq) ? null : seq - 1;

/** The events up to the first that is missing between them: at least one, if there is one. */
export function upToGap(events: readonly RunEvent[]): readonly RunEvent[] {
  const index = events.findIndex(
    (event, at) => at > 0 && gapBefore((events[at - 1] as RunEvent).seq, event) !== null,
  );
  return index === -1 ? events : events.slice(0, index);
}
