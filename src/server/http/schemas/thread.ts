import { z } from "zod";
import { type ExtractPath, parseExtractPath } from "../../domain/extract-path.ts";
import { type NewThreadTtl, PRUNE_STRATEGIES, THREAD_FIELDS, THREAD_SORT_KEYS } from "../../domain/thread.ts";
import {
  CheckpointRef,
  Duration,
  Id,
  JsonObject,
  limit,
  offset,
  optional,
  QueryFlag,
  queryInt,
  queryList,
  SortOrder,
  withDefault,
} from "./common.ts";
import { Command } from "./run.ts";

/** What one request may name or build up at most. */
const MAX_ITEMS = 1000;
const MAX_EXTRACTS = 10;

/** Minutes, or minutes and what is to happen when they are over. */
const Ttl = z
  .union(
    [Duration, z.strictObject({ strategy: withDefault(z.enum(PRUNE_STRATEGIES), "delete"), ttl: Duration })],
    "expected minutes, or {ttl: minutes, strategy: delete or keep_latest}",
  )
  .transform(
    (given): NewThreadTtl =>
      typeof given === "number"
        ? { strategy: "delete", ttl_minutes: given }
        : { strategy: given.strategy, ttl_minutes: given.ttl },
  );

const StateValues = z.union([JsonObject, z.array(JsonObject)], "expected an object or a list of objects");

const Superstep = z.strictObject({
  updates: z
    .array(
      z
        .strictObject({
          values: StateValues.nullish(),
          command: Command.nullish().refine((command) => (command?.resume ?? null) === null, {
            path: ["resume"],
            message: "a new thread has asked nothing that could be answered",
          }),
          as_node: z.string().min(1),
        })
        .transform(({ values, command, as_node }) => ({
          values: values ?? null,
          command: command ?? null,
          as_node,
        })),
    )
    .min(1)
    .max(MAX_ITEMS),
});

export const ThreadParam = z.object({ thread_id: Id });

export const ThreadCreate = z.strictObject({
  thread_id: z.nullish(Id).transform((id) => id ?? null),
  metadata: withDefault(JsonObject, {}),
  if_exists: withDefault(z.enum(["raise", "do_nothing"]), "raise"),
  ttl: Ttl.nullish().transform((ttl) => ttl ?? null),
  supersteps: withDefault(z.array(Superstep).max(MAX_ITEMS), []),
});

/** Names of what a thread shows on demand: in one key with commas, repeated, or as a JSON array. */
export const ThreadQuery = z.strictObject({
  include: z
    .preprocess(
      (given) => (typeof given === "string" && !given.startsWith("[") ? given.split(",") : given),
      queryList(z.enum(["ttl"], "expected ttl")),
    )
    .optional()
    .default([]),
});

export const ThreadPatch = z.strictObject({
  metadata: withDefault(JsonObject, {}),
  /** Null takes it away; absent leaves it as it is. */
  ttl: Ttl.nullable().optional(),
});

export const ThreadPrune = z.strictObject({
  thread_ids: z.array(Id).max(MAX_ITEMS),
  strategy: withDefault(z.enum(PRUNE_STRATEGIES), "delete"),
});

const ThreadStatus = z.enum(["idle", "busy", "interrupted", "error"]);

const Path = z
  .string()
  .max(1000)
  .transform((text, context): ExtractPath => {
    const path = parseExtractPath(text);
    if (path !== null) return path;
    context.addIssue({
      code: "custom",
      message:
        "expected a path that starts with values, metadata, config or interrupts, like values.messages[-1].content",
    });
    return z.NEVER;
  });

const filter = {
  ids: optional(z.array(Id).max(MAX_ITEMS)),
  metadata: optional(JsonObject),
  values: optional(JsonObject),
  status: optional(ThreadStatus),
};

export const ThreadSearch = z.strictObject({
  ...filter,
  limit: limit(10),
  offset,
  sort_by: withDefault(z.enum(THREAD_SORT_KEYS), "created_at"),
  sort_order: withDefault(SortOrder, "desc"),
  select: optional(z.array(z.enum(THREAD_FIELDS))),
  extract: optional(
    z.record(z.string(), Path).refine((paths) => Object.keys(paths).length <= MAX_EXTRACTS, {
      message: `expected at most ${MAX_EXTRACTS} paths`,
    }),
  ),
});

export const ThreadCount = z.strictObject(filter);

const STATE_FIELD =
  /^(values|next|tasks|metadata|created_at|checkpoint|parent_checkpoint|interrupts|values\..+)$/s;

/** A field of a state, or `values.<key>` for one of its values. */
const StateField = z
  .string()
  .regex(
    STATE_FIELD,
    "expected values, values.<key>, next, tasks, metadata, created_at, checkpoint, parent_checkpoint or interrupts",
  );

const StateSelect = optional(z.array(StateField));

export const StateQuery = z.strictObject({
  subgraphs: QueryFlag.optional().default(false),
  select: queryList(StateField).optional(),
});

export const StateParam = z.object({ thread_id: Id, checkpoint_id: z.string().min(1) });

export const StateAtCheckpoint = z.strictObject({
  checkpoint: CheckpointRef,
  subgraphs: withDefault(z.boolean(), false),
  select: StateSelect,
});

/** Values with the node that is said to have written them, for each that would have run. */
const NodeWrites = z.array(z.tuple([JsonObject.nullable(), z.string().min(1)]));

export const StateUpdate = z
  .strictObject({
    values: z
      .union(
        [JsonObject, z.array(JsonObject), NodeWrites],
        "expected an object, a list of objects, or, as the node __copy__, a list of [values, node]",
      )
      .nullish(),
    as_node: optional(z.string().min(1)),
    checkpoint: optional(CheckpointRef),
    checkpoint_id: optional(z.string().min(1)),
  })
  .refine(({ values, as_node }) => as_node === "__copy__" || !isNodeWrites(values), {
    path: ["values"],
    message: "a list of [values, node] goes with the node __copy__ only",
  })
  .transform(({ values, as_node, checkpoint, checkpoint_id }) => ({
    values: values ?? null,
    as_node: as_node ?? null,
    checkpoint: { ...checkpoint, ...(checkpoint_id !== undefined && { checkpoint_id }) },
  }));

const isNodeWrites = (values: unknown): boolean => Array.isArray(values) && values.some(Array.isArray);

/** What LangGraph goes by, in the metadata of a checkpoint. */
const OWN_METADATA = [
  "source",
  "step",
  "parents",
  "run_id",
  "thread_id",
  "counters_since_delta_snapshot",
  "delta_writes_versioned",
];

export const StatePatch = z.strictObject({
  metadata: withDefault(JsonObject, {}).refine(
    (metadata) => !OWN_METADATA.some((key) => Object.hasOwn(metadata, key)),
    { message: `the server itself keeps ${OWN_METADATA.join(", ")} there` },
  ),
});

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
    /** One, unlike everywhere else: so it is on the hosted server. */
    limit: limit(1),
    before: Before.nullish(),
    metadata: JsonObject.nullish(),
    checkpoint: optional(CheckpointRef),
    select: StateSelect,
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
    select: queryList(StateField).optional(),
  })
  .transform(({ limit, before, select }) => ({
    limit,
    select,
    before: before === undefined ? null : { checkpoint_id: before },
    metadata: null,
    checkpoint: {},
  }));
