import { pino } from "pino";
import type { z } from "zod";
import { createHttpApp } from "../../src/server/http/app.ts";
import * as assistant from "../../src/server/http/schemas/assistant.ts";
import * as run from "../../src/server/http/schemas/run.ts";
import * as store from "../../src/server/http/schemas/store.ts";
import * as thread from "../../src/server/http/schemas/thread.ts";
import * as threadStream from "../../src/server/http/schemas/thread-stream.ts";
import type { Services } from "../../src/server/services/bind.ts";

/** What a route takes, besides the ids in its path. */
export interface RouteInput {
  readonly body?: z.ZodType;
  readonly query?: z.ZodType;
  /** A body without anything optional. */
  readonly leastBody?: object;
  /** Its path answers whatever the method or the path's ids are. */
  readonly isProbe?: true;
}

const newRun = { leastBody: { assistant_id: "agent" } };

/** Every route of the server, `METHOD /path`, in an order in which those that delete come last. */
export const ROUTES: Readonly<Record<string, RouteInput>> = {
  "GET /": { isProbe: true },
  "GET /ok": { isProbe: true },
  "GET /live": { isProbe: true },
  "GET /ready": { isProbe: true },
  "GET /health": { isProbe: true },
  "GET /info": { isProbe: true },
  "GET /openapi.json": { isProbe: true },
  "GET /docs": { isProbe: true },
  "GET /docs/start.js": { isProbe: true },
  "GET /docs/swagger-ui-bundle.js": { isProbe: true },
  "GET /docs/swagger-ui.css": { isProbe: true },

  "POST /assistants": { body: assistant.AssistantCreate, leastBody: { graph_id: "agent" } },
  "POST /assistants/search": { body: assistant.AssistantSearch },
  "POST /assistants/count": { body: assistant.AssistantCount },
  "GET /assistants/:assistant_id": {},
  "PATCH /assistants/:assistant_id": { body: assistant.AssistantPatch },
  "GET /assistants/:assistant_id/graph": { query: assistant.GraphQuery },
  "GET /assistants/:assistant_id/schemas": {},
  "GET /assistants/:assistant_id/subgraphs": { query: assistant.SubgraphsQuery },
  "GET /assistants/:assistant_id/subgraphs/:namespace": { query: assistant.SubgraphsQuery },
  "POST /assistants/:assistant_id/versions": { body: assistant.AssistantVersions },
  "POST /assistants/:assistant_id/latest": {
    query: assistant.LatestVersionQuery,
    body: assistant.LatestVersion,
    leastBody: { version: 1 },
  },
  "DELETE /assistants/:assistant_id": { query: assistant.AssistantDeleteQuery },

  "POST /threads": { body: thread.ThreadCreate },
  "POST /threads/search": { body: thread.ThreadSearch },
  "POST /threads/count": { body: thread.ThreadCount },
  "POST /threads/prune": { body: thread.ThreadPrune, leastBody: { thread_ids: [] } },
  "GET /threads/:thread_id": { query: thread.ThreadQuery },
  "PATCH /threads/:thread_id": { body: thread.ThreadPatch },
  "GET /threads/:thread_id/state": { query: thread.StateQuery },
  "POST /threads/:thread_id/state": { body: thread.StateUpdate },
  "PATCH /threads/:thread_id/state": { body: thread.StatePatch },
  "POST /threads/:thread_id/state/checkpoint": {
    body: thread.StateAtCheckpoint,
    leastBody: { checkpoint: {} },
  },
  "GET /threads/:thread_id/state/:checkpoint_id": { query: thread.StateQuery },
  "GET /threads/:thread_id/history": { query: thread.HistoryQuery },
  "POST /threads/:thread_id/history": { body: thread.HistorySearch },
  "GET /threads/:thread_id/stream": { query: threadStream.ThreadStreamQuery },
  "POST /threads/:thread_id/copy": {},
  "DELETE /threads/:thread_id": {},

  "POST /threads/:thread_id/runs": { body: run.ThreadRunCreate, ...newRun },
  "POST /threads/:thread_id/runs/stream": { body: run.ThreadRunCreate, ...newRun },
  "POST /threads/:thread_id/runs/wait": { body: run.ThreadRunCreate, ...newRun },
  "GET /threads/:thread_id/runs": { query: run.RunListQuery },
  "GET /threads/:thread_id/runs/:run_id": {},
  "GET /threads/:thread_id/runs/:run_id/join": { query: run.JoinQuery },
  "GET /threads/:thread_id/runs/:run_id/stream": { query: run.JoinStreamQuery },
  "POST /threads/:thread_id/runs/:run_id/cancel": { query: run.CancelQuery, body: run.EmptyBody },
  "DELETE /threads/:thread_id/runs/:run_id": {},

  "POST /runs": { body: run.StatelessRunCreate, ...newRun },
  "POST /runs/stream": { body: run.StatelessRunCreate, ...newRun },
  "POST /runs/wait": { body: run.StatelessRunCreate, ...newRun },
  "POST /runs/batch": { body: run.RunBatchCreate, leastBody: [newRun.leastBody] },
  "POST /runs/cancel": {
    query: run.BulkCancelQuery,
    body: run.RunsCancel,
    leastBody: { status: "all" },
  },
  "GET /runs/:run_id/stream": { query: run.JoinStreamQuery },

  "PUT /store/items": {
    body: store.ItemPut,
    leastBody: { namespace: ["notes"], key: "one", value: {} },
  },
  "GET /store/items": { query: store.ItemQuery },
  "POST /store/items/search": { body: store.ItemSearch },
  "POST /store/namespaces": { body: store.NamespaceSearch },
  "DELETE /store/items": { body: store.ItemDelete, leastBody: { namespace: ["notes"], key: "one" } },
};

/** The server's app without what it works with, to look at its routing and at what it says about itself. */
export function bareApp() {
  const nothing = new Proxy({}, { get: () => () => undefined });
  return createHttpApp(
    {
      services: nothing as Services,
      log: pino({ level: "silent" }),
      facts: {
        aegraVersion: "",
        langGraphVersion: "",
        graphs: [],
        pingDatabase: async () => {},
        isReady: () => true,
      },
      isUnavailable: () => false,
    },
    {
      cors: {
        allow_origins: [],
        allow_origin_regex: null,
        allow_methods: [],
        allow_headers: [],
        allow_credentials: false,
        expose_headers: [],
        max_age_seconds: 0,
      },
      maxBodyBytes: 1,
      heartbeatMs: 1,
      configurableHeaders: { includes: null, excludes: [] },
    },
  );
}

/** The routes that the server has. */
export function servedRoutes(): string[] {
  const routes = bareApp().routes.filter(({ method }) => method !== "ALL");
  return [...new Set(routes.map(({ method, path }) => `${method} ${path}`))];
}

/** Puts ids into the path of a route. */
export const fillPath = (path: string, ids: Readonly<Record<string, string>>): string =>
  path.replaceAll(/:(\w+)/g, (_, name: string) => ids[name] ?? "");
