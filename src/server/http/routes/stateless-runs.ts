import { Hono } from "hono";
import type { Services } from "../../services/bind.ts";
import type { Env } from "../env.ts";
import { contentLocation, type RunResponses } from "../run-responses.ts";
import { JoinStreamQuery, StatelessRunCreate, StatelessRunParam } from "../schemas/run.ts";
import { lastEventId, valid } from "../validate.ts";

/** `/runs…`: runs on a thread of their own. */
export function statelessRunRoutes(services: Services, respond: RunResponses) {
  return new Hono<Env>()
    .post("/runs", valid("json", StatelessRunCreate), async (c) => {
      const run = await services.createRun(c.var.caller, c.req.valid("json"));
      c.header("Content-Location", contentLocation(true, run));
      return c.json(run);
    })
    .post("/runs/stream", valid("json", StatelessRunCreate), async (c) => {
      const { on_disconnect, ...request } = c.req.valid("json");
      const run = await services.createRun(c.var.caller, request);
      c.header("Content-Location", contentLocation(true, run));
      return respond.stream(
        c,
        { thread_id: null, run_id: run.run_id, isNew: true },
        { after: 0, modes: null, cancelOnDisconnect: on_disconnect === "cancel" },
      );
    })
    .post("/runs/wait", valid("json", StatelessRunCreate), async (c) => {
      const { on_disconnect, ...request } = c.req.valid("json");
      const run = await services.createRun(c.var.caller, request);
      c.header("Content-Location", contentLocation(true, run));
      return respond.wait(
        c,
        { thread_id: null, run_id: run.run_id, isNew: true },
        { cancelOnDisconnect: on_disconnect === "cancel" },
      );
    })
    .get("/runs/:run_id/stream", valid("param", StatelessRunParam), valid("query", JoinStreamQuery), (c) => {
      const { cancel_on_disconnect, stream_mode } = c.req.valid("query");
      return respond.stream(
        c,
        { thread_id: null, run_id: c.req.valid("param").run_id, isNew: false },
        { after: lastEventId(c), modes: stream_mode ?? null, cancelOnDisconnect: cancel_on_disconnect },
      );
    });
}
