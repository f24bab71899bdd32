import { type Answer, json, type Operation, ref } from "../operation.ts";
import type { JsonSchema } from "../to-json-schema.ts";

const record = (properties: Readonly<Record<string, JsonSchema>>): JsonSchema => ({
  type: "object",
  properties: { ...properties },
  required: Object.keys(properties),
});

const health = (description: string): Answer =>
  json(
    description,
    record({
      status: { enum: ["healthy", "unhealthy"] },
      database: { type: "boolean" },
      graphs: {
        type: "array",
        items: record({ graph_id: { type: "string" }, error: { type: ["string", "null"] } }),
      },
    }),
  );

const readiness = (description: string): Answer =>
  json(description, record({ status: { enum: ["ready", "not_ready"] }, database: { type: "boolean" } }));

const ok = (description: string): Answer => json(description, record({ ok: { type: "boolean" } }));

/** Probes, facts and this description, by method and path. */
export const systemOperations: Readonly<Record<string, Operation | null>> = {
  "GET /": {
    id: "get_banner",
    tag: "System",
    summary: "Name and version of the server, for people who open its address",
    answers: {
      200: json(
        "What answers here.",
        record({
          message: { type: "string" },
          version: { type: "string" },
          status: { const: "running" },
          docs: { type: "string" },
        }),
      ),
    },
  },
  "GET /ok": {
    id: "check_ok",
    tag: "System",
    summary: "Whether the server answers",
    parameters: { check_db: "Whether to ask the database too." },
    answers: { 200: ok("It does."), 500: ok("The database does not answer.") },
  },
  "GET /live": {
    id: "check_live",
    tag: "System",
    summary: "Whether the process is alive",
    answers: { 200: json("It is.", record({ status: { const: "alive" } })) },
  },
  "GET /ready": {
    id: "check_ready",
    tag: "System",
    summary: "Whether the server takes requests: not while it starts or stops, or has no database",
    answers: { 200: readiness("It does."), 503: readiness("It does not.") },
  },
  "GET /health": {
    id: "check_health",
    tag: "System",
    summary: "State of the database and of every graph",
    answers: { 200: health("The database answers."), 503: health("The database does not answer.") },
  },
  "GET /info": {
    id: "get_info",
    tag: "System",
    summary: "Versions, and what the server can do",
    answers: { 200: json("Facts about the server.", ref("ServerInfo")) },
  },
  "GET /openapi.json": {
    id: "get_openapi",
    tag: "System",
    summary: "This description",
    answers: { 200: json("A document of OpenAPI 3.1.", { type: "object" }) },
  },
  "GET /docs": {
    id: "get_docs",
    tag: "System",
    summary: "This description as a page to read and to try out; works without internet",
    answers: {
      200: { description: "The page.", content: { "text/html": { schema: { type: "string" } } } },
    },
  },
  "GET /docs/start.js": null,
  "GET /docs/swagger-ui-bundle.js": null,
  "GET /docs/swagger-ui.css": null,
};
