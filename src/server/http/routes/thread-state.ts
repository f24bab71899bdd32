import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import {
  HistoryQuery,
  HistorySearch,
  StateAtCheckpoint,
  StateParam,
  StateQuery,
  StateUpdate,
  ThreadParam,
} from "../schemas/thread.ts";
import { valid } from "../validate.ts";

/** `/threads/:thread_id/state…` and `/history`. */
export function threadStateRoutes(services: Services) {
  return new Hono<Env>()
    .get("/threads/:thread_id/state", valid("param", ThreadParam), valid("query", StateQuery), async (c) => {
      const read = { ...c.req.valid("query"), checkpoint: {} };
      return c.json(await services.getThreadState(c.var.caller, c.req.valid("param").thread_id, read));
    })
    .post("/threads/:thread_id/state", valid("param", ThreadParam), valid("json", StateUpdate), async (c) => {
      const { thread_id } = c.req.valid("param");
      return c.json({
        checkpoint: await services.updateThreadState(c.var.caller, thread_id, c.req.valid("json")),
      });
    })
    .post(
      "/threads/:thread_id/state/checkpoint",
      valid("param", ThreadParam),
      valid("json", StateAtCheckpoint),
      async (c) =>
        c.json(
          await services.getThreadState(c.var.caller, c.req.valid("param").thread_id, c.req.valid("json")),
        ),
    )
    .get(
      "/threads/:thread_id/state/:checkpoint_id",
      valid("param", StateParam),
      valid("query", StateQuery),
      async (c) => {
        const { thread_id, checkpoint_id } = c.req.valid("param");
        const read = { ...c.req.valid("query"), checkpoint: { checkpoint_id } };
        return c.json(await services.getThreadState(c.var.caller, thread_id, read));
      },
    )
    .get(
      "/threads/:thread_id/history",
      valid("param", ThreadParam),
      valid("query", HistoryQuery),
      async (c) =>
        c.json(
          await services.getThreadHistory(c.var.caller, c.req.valid("param").thread_id, c.req.valid("query")),
        ),
    )
    .post(
      "/threads/:thread_id/history",
      valid("param", ThreadParam),
      valid("json", HistorySearch),
      async (c) =>
        c.json(
          await services.getThreadHistory(c.var.caller, c.req.valid("param").thread_id, c.req.valid("json")),
        ),
    );
}
