import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import { pick } from "../schemas/common.ts";
import { ThreadCount, ThreadCreate, ThreadParam, ThreadPatch, ThreadSearch } from "../schemas/thread.ts";
import { valid } from "../validate.ts";

/** `/threads…`, without their state and runs. */
export function threadRoutes(services: Services) {
  return new Hono<Env>()
    .post("/threads", valid("json", ThreadCreate), async (c) =>
      c.json(await services.createThread(c.var.caller, c.req.valid("json"))),
    )
    .post("/threads/search", valid("json", ThreadSearch), async (c) => {
      const { select, ...search } = c.req.valid("json");
      const threads = await services.searchThreads(c.var.caller, search);
      return c.json(threads.map((thread) => pick(thread, select)));
    })
    .post("/threads/count", valid("json", ThreadCount), async (c) =>
      c.json(await services.countThreads(c.var.caller, c.req.valid("json"))),
    )
    .get("/threads/:thread_id", valid("param", ThreadParam), async (c) =>
      c.json(await services.getThread(c.var.caller, c.req.valid("param").thread_id)),
    )
    .patch("/threads/:thread_id", valid("param", ThreadParam), valid("json", ThreadPatch), async (c) =>
      c.json(await services.updateThread(c.var.caller, c.req.valid("param").thread_id, c.req.valid("json"))),
    )
    .delete("/threads/:thread_id", valid("param", ThreadParam), async (c) => {
      await services.deleteThread(c.var.caller, c.req.valid("param").thread_id);
      return c.body(null, 204);
    });
}
