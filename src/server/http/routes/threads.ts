import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import { prefersMinimal } from "../prefers-minimal.ts";
import {
  ThreadCount,
  ThreadCreate,
  ThreadParam,
  ThreadPatch,
  ThreadPrune,
  ThreadQuery,
  ThreadSearch,
} from "../schemas/thread.ts";
import { valid } from "../validate.ts";

/** `/threads…`, without their state and runs. */
export function threadRoutes(services: Services) {
  return new Hono<Env>()
    .post("/threads", valid("json", ThreadCreate), async (c) =>
      c.json(await services.createThread(c.var.caller, c.req.valid("json"))),
    )
    .post("/threads/search", valid("json", ThreadSearch), async (c) => {
      const search = c.req.valid("json");
      const { threads, total } = await services.searchThreads(c.var.caller, search);
      const nextOffset = search.offset + threads.length;
      c.header("X-Pagination-Total", String(total));
      if (nextOffset < total) c.header("X-Pagination-Next", String(nextOffset));
      return c.json(threads);
    })
    .post("/threads/count", valid("json", ThreadCount), async (c) =>
      c.json(await services.countThreads(c.var.caller, c.req.valid("json"))),
    )
    .post("/threads/prune", valid("json", ThreadPrune), async (c) =>
      c.json({ pruned_count: await services.pruneThreads(c.var.caller, c.req.valid("json")) }),
    )
    .get("/threads/:thread_id", valid("param", ThreadParam), valid("query", ThreadQuery), async (c) => {
      const { thread_id } = c.req.valid("param");
      return c.json(
        c.req.valid("query").include.includes("ttl")
          ? await services.getThreadWithTtl(c.var.caller, thread_id)
          : await services.getThread(c.var.caller, thread_id),
      );
    })
    .patch("/threads/:thread_id", valid("param", ThreadParam), valid("json", ThreadPatch), async (c) => {
      const { thread_id } = c.req.valid("param");
      const updated = await services.updateThread(c.var.caller, thread_id, c.req.valid("json"));
      if (!prefersMinimal(c.req.header("Prefer"))) return c.json(updated);
      c.header("Preference-Applied", "return=minimal");
      return c.body(null, 204);
    })
    .post("/threads/:thread_id/copy", valid("param", ThreadParam), async (c) =>
      c.json(await services.copyThread(c.var.caller, c.req.valid("param").thread_id)),
    )
    .delete("/threads/:thread_id", valid("param", ThreadParam), async (c) => {
      await services.deleteThread(c.var.caller, c.req.valid("param").thread_id);
      return c.body(null, 204);
    });
}
