import { setImmediate as nextTurn } from "node:timers/promises";
import type { NewRunEvent } from "../../domain/run.ts";

/** So much is passed on in one turn of the event loop; a reader takes more than that along in one. */
const CHARACTERS_PER_TURN = 64 * 1024;

/**
 * Passes events on, and after a good many of them lets everyone else have a turn. A graph may have more to say
 * than is kept for readers, and say it without ever waiting for anything: those that read as fast as they can
 * would lose events that they never had a chance to get.
 */
export async function* sharingTime<T extends NewRunEvent>(
  events: AsyncGenerator<T, void, undefined>,
): AsyncGenerator<T, void, undefined> {
  let left = CHARACTERS_PER_TURN;
  for await (const event of events) {
    yield event;
    left -= event.data.length;
    if (left > 0) continue;
    left = CHARACTERS_PER_TURN;
    await nextTurn();
  }
}
