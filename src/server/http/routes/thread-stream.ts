import { type Context, Hono } from "hono";
import { invalid } from "../../domain/errors.ts";
import { formatPlace } from "../../domain/thread-stream.ts";
import type { Services } from "../../services/bind.ts";
import type { StreamThreadOptions, ThreadEvent } from "../../services/threads/stream-thread.ts";
import type { Env } from "../env.ts";
import { ThreadParam } from "../schemas/thread.ts";
import { LastThreadEventId, ThreadStreamQuery } from "../schemas/thread-stream.ts";
import { sendEvents } from "../send-events.ts";
import type { EventBatches } from "../sse.ts";
import { valid } from "../validate.ts";

/** `/threads/:thread_id/stream` */
export function threadStreamRoutes(
  services: Pick<Services, "streamThread">,
  { heartbeatMs }: { readonly heartbeatMs: number },
) {
  return new Hono<Env>().get(
    "/threads/:thread_id/stream",
    valid("param", ThreadParam),
    valid("query", ThreadStreamQuery),
    async (c) => {
      const { thread_id } = c.req.valid("param");
      const { modes } = c.req.valid("query");
      const left = new AbortController();
      const options = { modes, after: lastThreadEventId(c), signal: left.signal };
      const batches = await services.streamThread(c.var.caller, thread_id, options);
      return sendEvents(c, placed(batches), {
        location: `/threads/${thread_id}/stream${new URL(c.req.url).search}`,
        heartbeatMs,
        onLeave: () => left.abort(),
      });
    },
  );
}

/** Without the header a client wants what comes from now on. */
function lastThreadEventId(c: Context<Env>): StreamThreadOptions["after"] {
  const header = c.req.header("Last-Event-ID") ?? "";
  if (header === "") return null;
  const parsed = LastThreadEventId.safeParse(header);
  if (parsed.success) return parsed.data;
  throw invalid("Last-Event-ID", parsed.error.issues.map(({ message }) => message).join("; "));
}

async function* placed(batches: AsyncGenerator<readonly ThreadEvent[], void, undefined>): EventBatches {
  for await (const batch of batches) {
    yield batch.map(({ place, ...event }) => ({ ...event, id: formatPlace(place) }));
  }
}
