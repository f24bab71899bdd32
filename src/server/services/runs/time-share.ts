import { setImmediate as nextTurn } from "node:timers/promises";
import type { NewRunEvent } from "../../domain/run.ts";

/** So much is passed on in one turn of the event loop; a reader takes more than that along in one. */
const CHARACTERS_PER_TURN = 64 * 1024;

/**
 * Says after which events everyone else should have a turn. A graph may have more to say than is kept for readers,
 * and say it without ever waiting for anything: those that read as fast as they can would lose events that they
 * never had a chance to get.
 *
 * @returns what to wait for after an event; null mostly
 */
export function createTimeShare(): (event: NewRunEvent) => Promise<void> | null {
  let left = CHARACTERS_PER_TURN;
  return ({ data }) => {
    left -= data.length;
    if (left > 0) return null;
    left = CHARACTERS_PER_TURN;
    return nextTurn();
  };
}
