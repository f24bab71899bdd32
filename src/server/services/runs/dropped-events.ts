import type { RunEvents } from "../../bus/run-bus.ts";
import { RunEventsDropped } from "../../domain/events-dropped.ts";
import type { NewRunEvent } from "../../domain/run.ts";

/**
 * What a client gets instead of events that are no longer kept, and the last thing it gets.
 * @param id of the last one that is gone
 */
export const toDroppedEvent = (id: string | number): NewRunEvent => ({
  event: "error",
  data: JSON.stringify({
    error: "EventsDropped",
    message:
      `Events up to ${id} are no longer kept: they were read too slowly, or asked for too late. ` +
      `Read the state of the thread for what they led to, and join again with Last-Event-ID: ${id} for the rest.`,
  }),
});

/** Tells a client that events are no longer kept, where the bus tells us. */
export async function* tellingDropped(events: RunEvents): RunEvents {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof RunEventsDropped)) throw error;
    yield [{ seq: error.upTo, ...toDroppedEvent(error.upTo) }];
  }
}
