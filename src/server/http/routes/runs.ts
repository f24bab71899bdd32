import { type Context, Hono } from "hono";
import { CANCEL_REASONS } from "../../domain/run.ts";
import type { Services } from "../../services/bind.ts";
import { createRunOnce } from "../create-run-once.ts";
import type { Env } from "../env.ts";
import { contentLocation, type RunResponses, withHeaders } from "../run-responses.ts";
import { pick } from "../schemas/common.ts";
import {
  CancelQuery,
  EmptyBody,
  JoinQuery,
  JoinStreamQuery,
  RunListQuery,
  RunParam,
  RunStreamQuery,
  ThreadRunCreate,
} from "../schemas/run.ts";
import { ThreadParam } from "../schemas/thread.ts";
import { lastEventId, valid } from "../validate.ts";

/** `/threads/:thread_id/runs…` */
export function runRoutes(services: Services, respond: RunResponses) {
  const body = [valid("param", ThreadParam), valid("json", ThreadRunCreate)] as const;

  return new Hono<Env>()
    .post("/threads/:thread_id/runs", ...body, async (c) => {
      const request = withHeaders(c, { ...c.req.valid("param"), ...c.req.valid("json") });
      const { run } = await createRunOnce(c, services, request);
      c.header("Content-Location", contentLocation(false, run));
      return c.json(run);
    })
    .post("/threads/:thread_id/runs/stream", ...body, valid("query", RunStreamQuery), async (c) => {
      const { on_disconnect, ...request } = withHeaders(c, c.req.valid("json"));
      const { run, isNew } = await createRunOnce(c, services, { ...c.req.valid("param"), ...request });
      c.header("Content-Location", contentLocation(false, run));
      return respond.stream(
        c,
        { ...run, isNew },
        {
          after: 0,
          modes: null,
          namespaces: c.req.valid("query").namespace ?? null,
          cancelOnDisconnect: on_disconnect === "cancel",
        },
      );
    })
    .post("/threads/:thread_id/runs/wait", ...body, async (c) => {
      const { on_disconnect, ...request } = withHeaders(c, c.req.valid("json"));
      const { run, isNew } = await createRunOnce(c, services, { ...c.req.valid("param"), ...request });
      c.header("Content-Location", contentLocation(false, run));
      const cancelOnDisconnect = on_disconnect === "cancel";
      return respond.wait(c, { ...run, isNew }, { cancelOnDisconnect });
    })
    .get("/threads/:thread_id/runs", valid("param", ThreadParam), valid("query", RunListQuery), async (c) => {
      const { select, ...page } = c.req.valid("query");
      const runs = await services.listRuns(c.var.caller, c.req.valid("param").thread_id, page);
      return c.json(runs.map((run) => pick(run, select)));
    })
    .get("/threads/:thread_id/runs/:run_id", valid("param", RunParam), async (c) => {
      const { thread_id, run_id } = c.req.valid("param");
      return c.json(await services.getRun(c.var.caller, thread_id, run_id));
    })
    .delete("/threads/:thread_id/runs/:run_id", valid("param", RunParam), async (c) => {
      const { thread_id, run_id } = c.req.valid("param");
      await services.deleteRun(c.var.caller, thread_id, run_id);
      return c.body(null, 204);
    })
    .get(
      "/threads/:thread_id/runs/:run_id/join",
      valid("param", RunParam),
      valid("query", JoinQuery),
      (c) => {
        const { cancel_on_disconnect } = c.req.valid("query");
        return respond.wait(
          c,
          { ...c.req.valid("param"), isNew: false },
          { cancelOnDisconnect: cancel_on_disconnect },
        );
      },
    )
    .get(
      "/threads/:thread_id/runs/:run_id/stream",
      valid("param", RunParam),
      valid("query", JoinStreamQuery),
      (c) => {
        const { cancel_on_disconnect, stream_mode, namespace } = c.req.valid("query");
        return respond.stream(
          c,
          { ...c.req.valid("param"), isNew: false },
          {
            after: lastEventId(c),
            modes: stream_mode ?? null,
            namespaces: namespace ?? null,
            cancelOnDisconnect: cancel_on_disconnect,
          },
        );
      },
    )
    .post(
      "/threads/:thread_id/runs/:run_id/cancel",
      valid("param", RunParam),
      valid("query", CancelQuery),
      valid("json", EmptyBody),
      async (c) => {
        const { wait, action, reason = "requested" } = c.req.valid("query");
        const cancel = { ...c.req.valid("param"), action, reason: CANCEL_REASONS[reason] };
        if (!wait) {
          await services.cancelRun(c.var.caller, cancel);
          return c.body(null, 202);
        }
        await services.cancelRunAndWait(c.var.caller, cancel, clientLeft(c));
        return c.body(null, 204);
      },
    );
}

const clientLeft = (c: Context<Env>): AbortSignal => c.req.raw.signal;
