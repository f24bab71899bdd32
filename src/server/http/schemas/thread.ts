import { z } from "zod";
import { THREAD_SORT_KEYS } from "../../domain/thread.ts";
import {
  CheckpointRef,
  Id,
  JsonObject,
  limit,
  offset,
  optional,
  QueryFlag,
  queryInt,
  SortOrder,
  unsupported,
  withDefault,
} from "./common.ts";

const NO_TTL = "a time to live of threads is not supported by this server";

export const ThreadParam = z.object({ thread_id: Id });

export const ThreadCreate = z.strictObject({
  thread_id: z.nullish(Id).transform((id) => id ?? null),
  metadata: withDefault(JsonObject, {}),
  if_exists: withDefault(z.enum(["raise", "do_nothing"]), "raise"),
  ttl: unsupported(NO_TTL),
  supersteps: unsupported("supersteps are not supported by this server"),
});

export const ThreadPatch = z.strictObject({
  metadata: withDefault(JsonObject, {}),
  ttl: unsupported(NO_TTL),
});

const ThreadStatus = z.enum(["idle", "busy", "interrupted", "error"]);

const filter = {
  metadata: optional(JsonObject),
  values: optional(JsonObject),
  status: optional(ThreadStatus),
};

export const ThreadSearch = z.strictObject({
  ...filter,
  ids: optional(z.array(Id)),
  limit: limit(10),
  offset,
  sort_by: withDefault(z.enum(THREAD_SORT_KEYS), "created_at"),
  sort_order: withDefault(SortOrder, "desc"),
  select: optional(
    z.array(
      z.enum([
        "thread_id",
        "created_at",
        "updated_at",
        "state_updated_at",
        "metadata",
        "config",
        "status",
        "values",
        "interrupts",
        "error",
      ]),
    ),
  ),
  extract: unsupported("extract is not supported by this server"),
});

export const ThreadCount = z.strictObject(filter);

export const StateQuery = z.strictObject({
  subgraphs: QueryFlag.optional().default(false),
});

export const StateParam = z.object({ thread_id: Id, checkpoint_id: z.string().min(1) });

export const StateAtCheckpoint = z.strictObject({
  checkpoint: CheckpointRef,
  subgraphs: withDefault(z.boolean(), false),
});

export const StateUpdate = z
  .strictObject({
    values: z.union([JsonObject, z.array(JsonObject)], "expected an object or a list of objects").nullish(),
    as_node: optional(z.string().min(1)),
    checkpoint: optional(CheckpointRef),
    checkpoint_id: optional(z.string().min(1)),
  })
  .transform(({ values, as_node, checkpoint, checkpoint_id }) => ({
    values: values ?? null,
    as_node: as_node ?? null,
    checkpoint: { ...checkpoint, ...(checkpoint_id !== undefined && { checkpoint_id }) },
  }));

/** A checkpoint, its id, or LangGraph's config that names one: clients send all three. */
const Before = z.union(
  [
    z
      .string()
      .min(1)
      .transform((checkpoint_id) => ({ checkpoint_id })),
    z.strictObject({ configurable: CheckpointRef }).transform(({ configurable }) => configurable),
    CheckpointRef,
  ],
  "expected a checkpoint, its id, or a config that names one",
);

export const HistorySearch = z
  .strictObject({
    limit: limit(10),
    before: Before.nullish(),
    metadata: JsonObject.nullish(),
    checkpoint: optional(CheckpointRef),
  })
  .transform(({ before, metadata, checkpoint, ...rest }) => ({
    ...rest,
    before: before ?? null,
    metadata: metadata ?? null,
    checkpoint: checkpoint ?? {},
  }));

export const HistoryQuery = z
  .strictObject({
    limit: queryInt(z.int().min(1).max(1000)).optional().default(10),
    before: z.string().min(1).optional(),
  })
  .transform(({ limit, before }) => ({
    limit,
    before: before === undefined ? null : { checkpoint_id: before },
    metadata: null,
    checkpoint: {},
  }));
