import { Hono } from "hono";
import { requestId } from "hono/request-id";
import type { Logger } from "pino";
import { ANONYMOUS } from "../domain/caller.ts";
import type { Services } from "../services/bind.ts";
import { createHeaderReader, type HeaderRules } from "./configurable-headers.ts";
import { type CorsRules, crossOrigin } from "./cross-origin.ts";
import type { Env } from "./env.ts";
import { limitBody } from "./limit-body.ts";
import { createDocument } from "./openapi/create-document.ts";
import type { OpenApiDocument } from "./openapi/document.ts";
import { createErrorHandler, respondNotFound } from "./problem.ts";
import { assistantRoutes } from "./routes/assistants.ts";
import { docsRoutes } from "./routes/docs.ts";
import { runRoutes } from "./routes/runs.ts";
import { statelessRunRoutes } from "./routes/stateless-runs.ts";
import { storeRoutes } from "./routes/store.ts";
import { type ServerFacts, systemRoutes } from "./routes/system.ts";
import { threadStateRoutes } from "./routes/thread-state.ts";
import { threadStreamRoutes } from "./routes/thread-stream.ts";
import { threadRoutes } from "./routes/threads.ts";
import { createRunResponses } from "./run-responses.ts";

export interface HttpDeps {
  readonly services: Services;
  readonly log: Logger;
  readonly facts: ServerFacts;
  /** Tells an outage of the database from a bug. */
  readonly isUnavailable: (error: unknown) => boolean;
}

export interface HttpOptions {
  readonly cors: CorsRules;
  readonly maxBodyBytes: number;
  /** How often an open stream gets a sign of life. */
  readonly heartbeatMs: number;
  readonly configurableHeaders: HeaderRules;
}

/** Middleware first, in order, then one route module per resource. */
export function createHttpApp({ services, log, facts, isUnavailable }: HttpDeps, options: HttpOptions) {
  const respond = createRunResponses(services, options);
  const readConfigurable = createHeaderReader(options.configurableHeaders);
  const describe = (): OpenApiDocument => createDocument(app.routes, facts.aegraVersion);

  const app = new Hono<Env>()
    .onError(createErrorHandler(isUnavailable))
    .notFound(respondNotFound)
    .use(requestId())
    .use(async (c, next) => {
      c.set("log", log.child({ request_id: c.var.requestId }));
      const startedMs = performance.now();
      await next();
      const ms = Math.round(performance.now() - startedMs);
      c.var.log.debug({ method: c.req.method, path: c.req.path, status: c.res.status, ms }, "request");
    })
    .use(crossOrigin(options.cors))
    .use(limitBody(options.maxBodyBytes))
    .route("/", systemRoutes(facts))
    .route("/", docsRoutes(describe))
    .use(async (c, next) => {
      c.set("caller", ANONYMOUS);
      c.set("readConfigurable", () => readConfigurable(c.req.raw.headers));
      await next();
    })
    .route("/", assistantRoutes(services))
    .route("/", threadRoutes(services))
    .route("/", threadStateRoutes(services))
    .route("/", threadStreamRoutes(services, options))
    .route("/", runRoutes(services, respond))
    .route("/", statelessRunRoutes(services, respond))
    .route("/", storeRoutes(services));

  return app;
}
