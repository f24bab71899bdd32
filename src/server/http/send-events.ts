import type { Context } from "hono";
import type { Env } from "./env.ts";
import { type EventBatches, type StreamOptions, toEventStream } from "./sse.ts";

export interface EventsOptions extends StreamOptions {
  /** Path where a client whose connection breaks goes on. */
  readonly location: string;
}

/** Answers with a stream of server-sent events. */
export function sendEvents(
  c: Context<Env>,
  batches: EventBatches,
  { location, ...options }: EventsOptions,
): Response {
  c.header("Content-Type", "text/event-stream");
  c.header("Cache-Control", "no-cache");
  c.header("X-Accel-Buffering", "no");
  c.header("Location", location);
  return c.body(toEventStream(guard(c, batches), options));
}

/** After the headers an error can only become an event. */
async function* guard(c: Context<Env>, batches: EventBatches): EventBatches {
  try {
    yield* batches;
  } catch (error) {
    c.var.log.error({ err: error }, "stream failed");
    const data = JSON.stringify({ error: "internal_error", message: "An unexpected error occurred" });
    yield [{ event: "error", data, id: null }];
  }
}
