import { Hono } from "hono";
import { z } from "zod";
import type { Env } from "../env.ts";
import { QueryFlag } from "../schemas/common.ts";
import { valid } from "../validate.ts";

/** What the server says about itself. */
export interface ServerFacts {
  /** Aegra's own version. */
  readonly aegraVersion: string;
  readonly langGraphVersion: string;
  /** Graphs of the project, and why one of them is not served. */
  readonly graphs: readonly { readonly graph_id: string; readonly error: Error | null }[];
  /** @throws when the database does not answer */
  pingDatabase(): Promise<void>;
  /** False while the server is starting or stopping. */
  isReady(): boolean;
}

/**
 * The version of the hosted server whose protocol this one speaks. Clients such as Studio look for a least
 * version here, so it is not Aegra's own.
 */
const PROTOCOL_VERSION = "0.11.0";

/** Not strict: what probes through proxies have in their query besides is none of this server's business. */
const OkQuery = z.object({ check_db: QueryFlag.optional().default(false) });

/** Probes and facts. They need no caller: a load balancer has none. */
export function systemRoutes(facts: ServerFacts) {
  const graphs = () =>
    facts.graphs.map(({ graph_id, error }) => ({ graph_id, error: error === null ? null : error.message }));
  const answersDatabase = () =>
    facts.pingDatabase().then(
      () => true,
      () => false,
    );

  return new Hono<Env>()
    .get("/", (c) =>
      c.json({ message: "Aegra", version: facts.aegraVersion, status: "running", docs: "/docs" }),
    )
    .get("/ok", valid("query", OkQuery), async (c) => {
      if (!c.req.valid("query").check_db || (await answersDatabase())) return c.json({ ok: true });
      return c.json({ ok: false }, 500);
    })
    .get("/live", (c) => c.json({ status: "alive" }))
    .get("/ready", async (c) => {
      const database = await answersDatabase();
      const ready = database && facts.isReady();
      return c.json({ status: ready ? "ready" : "not_ready", database }, ready ? 200 : 503);
    })
    .get("/health", async (c) => {
      const database = await answersDatabase();
      return c.json(
        { status: database ? "healthy" : "unhealthy", database, graphs: graphs() },
        database ? 200 : 503,
      );
    })
    .get("/info", (c) =>
      c.json({
        version: PROTOCOL_VERSION,
        aegra_version: facts.aegraVersion,
        langgraph_js_version: facts.langGraphVersion,
        context: "js",
        flags: {
          assistants: true,
          crons: false,
          langsmith: false,
          langsmith_tracing_replicas: false,
          stream_namespaces: true,
          strict_resume: true,
        },
        metadata: {},
        // The ids are those of LangSmith's platform. Clients read null as a server that is not on it.
        host: { kind: "self-hosted", project_id: null, revision_id: null, tenant_id: null },
      }),
    );
}
