import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import {
  HistoryQuery,
  HistorySearch,
  StateAtCheckpoint,
  StateParam,
  StatePatch,
  StateQuery,
  StateUpdate,
  ThreadParam,
} from "../schemas/thread.ts";
import { selectState } from "../select-state.ts";
import { valid } from "../validate.ts";

/** `/threads/:thread_id/state…` and `/history`. */
export function threadStateRoutes(services: Services) {
  return new Hono<Env>()
    .get("/threads/:thread_id/state", valid("param", ThreadParam), valid("query", StateQuery), async (c) => {
      const { select, subgraphs } = c.req.valid("query");
      const read = { subgraphs, checkpoint: {} };
      const state = await services.getThreadState(c.var.caller, c.req.valid("param").thread_id, read);
      return c.json(selectState(state, select));
    })
    .post("/threads/:thread_id/state", valid("param", ThreadParam), valid("json", StateUpdate), async (c) => {
      const { thread_id } = c.req.valid("param");
      const checkpoint = await services.updateThreadState(c.var.caller, thread_id, c.req.valid("json"));
      // The SDK declares a config as the answer; the hosted server documents the checkpoint.
      return c.json({ checkpoint, configurable: checkpoint });
    })
    .patch("/threads/:thread_id/state", valid("param", ThreadParam), valid("json", StatePatch), async (c) => {
      const { thread_id } = c.req.valid("param");
      await services.patchThreadState(c.var.caller, thread_id, c.req.valid("json"));
      return c.body(null, 204);
    })
    .post(
      "/threads/:thread_id/state/checkpoint",
      valid("param", ThreadParam),
      valid("json", StateAtCheckpoint),
      async (c) => {
        const { select, ...read } = c.req.valid("json");
        const state = await services.getThreadState(c.var.caller, c.req.valid("param").thread_id, read);
        return c.json(selectState(state, select));
      },
    )
    .get(
      "/threads/:thread_id/state/:checkpoint_id",
      valid("param", StateParam),
      valid("query", StateQuery),
      async (c) => {
        const { thread_id, checkpoint_id } = c.req.valid("param");
        const { select, subgraphs } = c.req.valid("query");
        const read = { subgraphs, checkpoint: { checkpoint_id } };
        const state = await services.getThreadState(c.var.caller, thread_id, read);
        return c.json(selectState(state, select));
      },
    )
    .get(
      "/threads/:thread_id/history",
      valid("param", ThreadParam),
      valid("query", HistoryQuery),
      async (c) => {
        const { select, ...search } = c.req.valid("query");
        const { thread_id } = c.req.valid("param");
        const states = await services.getThreadHistory(c.var.caller, thread_id, search);
        return c.json(states.map((state) => selectState(state, select)));
      },
    )
    .post(
      "/threads/:thread_id/history",
      valid("param", ThreadParam),
      valid("json", HistorySearch),
      async (c) => {
        const { select, ...search } = c.req.valid("json");
        const { thread_id } = c.req.valid("param");
        const states = await services.getThreadHistory(c.var.caller, thread_id, search);
        return c.json(states.map((state) => selectState(state, select)));
      },
    );
}
