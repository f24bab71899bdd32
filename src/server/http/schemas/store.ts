import { z } from "zod";
import {
  Duration,
  JsonObject,
  limit,
  offset,
  optional,
  QueryFlag,
  queryList,
  withDefault,
} from "./common.ts";

const Namespace = z.array(z.string()).max(100);
const Key = z.string();

export const ItemPut = z.strictObject({
  namespace: Namespace,
  key: Key,
  value: JsonObject,
  /** Which fields are found by meaning: none, these, or the configured ones. */
  index: z
    .union([z.literal(false), z.array(z.string())], "expected false or a list of paths")
    .nullish()
    .transform((index) => index ?? null),
  /** Minutes. */
  ttl: z.nullish(Duration).transform((minutes) => minutes ?? null),
});

/** Labels joined with periods, or the key repeated. */
export const ItemQuery = z.strictObject({
  namespace: queryList(z.string())
    .optional()
    .default([])
    .transform((labels) => (labels.length === 1 ? (labels[0] ?? "").split(".") : labels)),
  key: Key,
  refresh_ttl: QueryFlag.optional(),
});

export const ItemDelete = z.strictObject({
  namespace: withDefault(Namespace, []),
  key: Key,
});

export const ItemSearch = z
  .strictObject({
    namespace_prefix: withDefault(Namespace, []),
    filter: withDefault(JsonObject, {}),
    limit: limit(10),
    offset,
    query: z.nullish(z.string()),
    refresh_ttl: optional(z.boolean()),
  })
  .transform(({ namespace_prefix, refresh_ttl, query, ...search }) => ({
    ...search,
    prefix: namespace_prefix,
    query: query ?? null,
    refreshTtl: refresh_ttl,
  }));

export const NamespaceSearch = z
  .strictObject({
    prefix: withDefault(Namespace, []),
    suffix: withDefault(Namespace, []),
    max_depth: z.nullish(z.int().min(1).max(100)),
    limit: limit(100),
    offset,
  })
  .transform(({ max_depth, ...search }) => ({ ...search, maxDepth: max_depth ?? null }));
