import type { z } from "zod";
import * as assistantSchemas from "../schemas/assistant.ts";
import { CheckpointRef } from "../schemas/common.ts";
import * as runSchemas from "../schemas/run.ts";
import * as storeSchemas from "../schemas/store.ts";
import * as threadSchemas from "../schemas/thread.ts";
import { describeOperation } from "./describe-operation.ts";
import { type DescribedRoute, describeRoutes, type RegisteredHandler } from "./describe-routes.ts";
import type { OpenApiDocument } from "./document.ts";
import { assistantFields } from "./fields/assistants.ts";
import { runFields } from "./fields/runs.ts";
import { storeFields } from "./fields/store.ts";
import { threadFields } from "./fields/threads.ts";
import { type Operation, TAGS } from "./operation.ts";
import { assistantOperations } from "./operations/assistants.ts";
import { runOperations } from "./operations/runs.ts";
import { storeOperations } from "./operations/store.ts";
import { systemOperations } from "./operations/system.ts";
import { threadStreamOperations } from "./operations/thread-stream.ts";
import { threadOperations } from "./operations/threads.ts";
import { RESPONSES } from "./responses.ts";
import { type JsonSchema, type NamedSchemas, toComponents } from "./to-json-schema.ts";

/** By method and path. Null: a route that belongs to no one's API, such as a style sheet. */
export const OPERATIONS: Readonly<Record<string, Operation | null>> = {
  ...systemOperations,
  ...assistantOperations,
  ...threadOperations,
  ...threadStreamOperations,
  ...runOperations,
  ...storeOperations,
};

/** What each field of a body does, by the body's name. */
const FIELDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  ...assistantFields,
  ...threadFields,
  ...runFields,
  ...storeFields,
};

/** Bodies are named after their exports. */
const EXPORTS: Readonly<Record<string, unknown>> = {
  ...assistantSchemas,
  ...threadSchemas,
  ...runSchemas,
  ...storeSchemas,
};

/** Parts of several bodies, shown once. */
const PARTS: NamedSchemas = {
  CheckpointRef,
  Command: runSchemas.Command,
  OwnRunConfig: runSchemas.OwnRunConfig,
  RunConfig: runSchemas.RunConfig,
  StreamMode: runSchemas.StreamMode,
};

const DESCRIPTION = `Runs LangGraph.js agents behind the Agent Protocol, for the clients that the hosted
LangGraph server has. A body may have no other fields than those shown; in place of a value, null means the same as
leaving the field out.`;

/**
 * Describes an app from what its routes check, which is why the description cannot say something else than
 * what they do.
 */
export function createDocument(handlers: readonly RegisteredHandler[], version: string): OpenApiDocument {
  const routes = describeRoutes(handlers);
  const names = new Map(Object.entries(EXPORTS).map(([name, schema]) => [schema, name]));
  const nameOf = (body: z.ZodType): string => {
    const name = names.get(body);
    if (name === undefined) throw new Error("the schema of a body is not exported from http/schemas");
    return name;
  };

  return {
    openapi: "3.1.0",
    info: { title: "Aegra", version, description: DESCRIPTION.replaceAll("\n", " ") },
    tags: Object.entries(TAGS).map(([name, description]) => ({ name, description })),
    paths: describePaths(routes, nameOf),
    components: { schemas: describeSchemas(routes, nameOf) },
  };
}

function describePaths(
  routes: readonly DescribedRoute[],
  nameOf: (body: z.ZodType) => string,
): OpenApiDocument["paths"] {
  const described = routes.flatMap((route) => {
    const operation = OPERATIONS[route.key] ?? null;
    if (operation === null) return [];
    const bodyName = route.body === null ? null : nameOf(route.body);
    const method = route.method.toLowerCase();
    return [{ path: toTemplate(route.path), method, is: describeOperation(route, operation, bodyName) }];
  });
  const byPath = Map.groupBy(described, ({ path }) => path);
  return Object.fromEntries(
    [...byPath].map(([path, ofPath]) => [
      path,
      Object.fromEntries(ofPath.map(({ method, is }) => [method, is])),
    ]),
  );
}

/** Hono's `:name`, which may have a pattern, as OpenAPI writes it. */
const toTemplate = (path: string): string => path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}");

function describeSchemas(
  routes: readonly DescribedRoute[],
  nameOf: (body: z.ZodType) => string,
): Record<string, JsonSchema> {
  const bodies = routes.flatMap(({ body }) => (body === null ? [] : [[nameOf(body), body] as const]));
  const schemas = toComponents({ ...RESPONSES, ...PARTS, ...Object.fromEntries(bodies) });
  for (const [name, fields] of Object.entries(FIELDS)) {
    for (const [field, text] of Object.entries(fields)) {
      const property = schemas[name]?.properties?.[field];
      if (typeof property === "object") property.description = text;
    }
  }
  return schemas;
}
