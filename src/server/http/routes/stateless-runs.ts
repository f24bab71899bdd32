import { Hono } from "hono";
import { CANCEL_REASONS } from "../../domain/run.ts";
import type { Services } from "../../services/bind.ts";
import { createRunOnce, createRunsOnce } from "../create-run-once.ts";
import type { Env } from "../env.ts";
import { contentLocation, type RunResponses, withHeaders } from "../run-responses.ts";
import {
  BulkCancelQuery,
  JoinStreamQuery,
  RunBatchCreate,
  RunStreamQuery,
  RunsCancel,
  StatelessRunCreate,
  StatelessRunParam,
} from "../schemas/run.ts";
import { lastEventId, valid } from "../validate.ts";

/** `/runs…`: runs on a thread of their own. */
export function statelessRunRoutes(services: Services, respond: RunResponses) {
  return new Hono<Env>()
    .post("/runs", valid("json", StatelessRunCreate), async (c) => {
      const { run } = await createRunOnce(c, services, withHeaders(c, c.req.valid("json")));
      c.header("Content-Location", contentLocation(true, run));
      return c.json(run);
    })
    .post("/runs/batch", valid("json", RunBatchCreate), async (c) => {
      const requests = c.req.valid("json").map((request) => withHeaders(c, request));
      return c.json(await createRunsOnce(c, services, requests));
    })
    .post("/runs/cancel", valid("query", BulkCancelQuery), valid("json", RunsCancel), async (c) => {
      await services.cancelRuns(c.var.caller, {
        selection: c.req.valid("json"),
        action: c.req.valid("query").action,
        reason: CANCEL_REASONS.requested,
      });
      return c.body(null, 204);
    })
    .post("/runs/stream", valid("query", RunStreamQuery), valid("json", StatelessRunCreate), async (c) => {
      const { on_disconnect, ...request } = withHeaders(c, c.req.valid("json"));
      const { run, isNew } = await createRunOnce(c, services, request);
      c.header("Content-Location", contentLocation(true, run));
      return respond.stream(
        c,
        { thread_id: null, run_id: run.run_id, isNew },
        {
          after: 0,
          modes: null,
          namespaces: c.req.valid("query").namespace ?? null,
          cancelOnDisconnect: on_disconnect === "cancel",
        },
      );
    })
    .post("/runs/wait", valid("json", StatelessRunCreate), async (c) => {
      const { on_disconnect, ...request } = withHeaders(c, c.req.valid("json"));
      const { run, isNew } = await createRunOnce(c, services, request);
      c.header("Content-Location", contentLocation(true, run));
      return respond.wait(
        c,
        { thread_id: null, run_id: run.run_id, isNew },
        { cancelOnDisconnect: on_disconnect === "cancel" },
      );
    })
    .get("/runs/:run_id/stream", valid("param", StatelessRunParam), valid("query", JoinStreamQuery), (c) => {
      const { cancel_on_disconnect, stream_mode, namespace } = c.req.valid("query");
      return respond.stream(
        c,
        { thread_id: null, run_id: c.req.valid("param").run_id, isNew: false },
        {
          after: lastEventId(c),
          modes: stream_mode ?? null,
          namespaces: namespace ?? null,
          cancelOnDisconnect: cancel_on_disconnect,
        },
      );
    });
}
