import { z } from "zod";
import { ASSISTANT_SORT_KEYS } from "../../domain/assistant.ts";
import {
  Id,
  JsonObject,
  limit,
  offset,
  optional,
  QueryFlag,
  queryInt,
  SortOrder,
  withDefault,
} from "./common.ts";
import { RunConfig } from "./run.ts";

/** An assistant's id, or the id of a graph for its default assistant. */
export const AssistantParam = z.object({ assistant_id: z.string().min(1) });

export const AssistantCreate = z.strictObject({
  assistant_id: z.nullish(Id).transform((id) => id ?? null),
  graph_id: z.string().min(1),
  config: withDefault(RunConfig, {}),
  context: withDefault(JsonObject, {}),
  metadata: withDefault(JsonObject, {}),
  if_exists: withDefault(z.enum(["raise", "do_nothing"]), "raise"),
  name: withDefault(z.string(), "Untitled"),
  description: z.nullish(z.string()).transform((text) => text ?? null),
});

/** What is absent stays; a description of null removes it. */
export const AssistantPatch = z
  .strictObject({
    graph_id: optional(z.string().min(1)),
    config: optional(RunConfig),
    context: optional(JsonObject),
    metadata: optional(JsonObject),
    name: optional(z.string()),
    description: z.string().nullable().optional(),
  })
  .transform(
    (body) =>
      Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined)) as Partial<{
        graph_id: string;
        config: Record<string, unknown>;
        context: Record<string, unknown>;
        metadata: Record<string, unknown>;
        name: string;
        description: string | null;
      }>,
  );

const filter = {
  graph_id: optional(z.string()),
  name: optional(z.string()),
  metadata: optional(JsonObject),
};

export const AssistantSearch = z.strictObject({
  ...filter,
  limit: limit(10),
  offset,
  sort_by: withDefault(z.enum(ASSISTANT_SORT_KEYS), "created_at"),
  sort_order: withDefault(SortOrder, "desc"),
  select: optional(
    z.array(
      z.enum([
        "assistant_id",
        "graph_id",
        "name",
        "description",
        "config",
        "context",
        "created_at",
        "updated_at",
        "metadata",
        "version",
      ]),
    ),
  ),
});

export const AssistantCount = z.strictObject(filter);

export const AssistantVersions = z.strictObject({
  metadata: optional(JsonObject),
  limit: limit(10),
  offset,
});

const Version = z
  .int()
  .min(1)
  .max(2 ** 31 - 1);

/** The SDK sends the version in the body; the hosted server takes it from the query. */
export const LatestVersion = z.strictObject({ version: optional(Version) });
export const LatestVersionQuery = z.strictObject({ version: queryInt(Version).optional() });

export const AssistantDeleteQuery = z.strictObject({
  delete_threads: QueryFlag.optional().default(false),
});

/** Nodes on the way to a subgraph: `parent|child`. */
export const SubgraphParam = AssistantParam.extend({ namespace: z.string().min(1) });

export const SubgraphsQuery = z.strictObject({ recurse: QueryFlag.optional().default(false) });

/** `true`, or how many levels of subgraphs to draw. */
export const GraphQuery = z.strictObject({
  xray: z
    .string()
    .regex(/^(true|false|\d{1,3})$/, "expected true, false or a depth")
    .transform((text) => (/^\d+$/.test(text) ? Number(text) : text === "true"))
    .pipe(z.union([z.boolean(), z.int().min(0).max(999)]))
    .optional()
    .default(false),
});
