import { Hono } from "hono";
import { requestId } from "hono/request-id";
import { DomainError } from "../domain/errors.ts";
import type { HttpDeps } from "./app.ts";
import type { Env } from "./env.ts";
import { createErrorHandler } from "./problem.ts";
import { systemRoutes } from "./routes/system.ts";

/** What a process answers that only executes runs: probes and facts. */
export function createProbeApp({ log, facts, isUnavailable }: Omit<HttpDeps, "services">) {
  return new Hono<Env>()
    .onError(createErrorHandler(isUnavailable))
    .notFound((c) => {
      throw new DomainError(
        "not_found",
        `There is no ${c.req.method} ${c.req.path} here: this process only executes runs (--role worker)`,
      );
    })
    .use(requestId())
    .use(async (c, next) => {
      c.set("log", log.child({ request_id: c.var.requestId }));
      await next();
    })
    .route("/", systemRoutes(facts));
}
