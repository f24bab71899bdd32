import { z } from "zod";
import { isJsonObject } from "../../domain/json.ts";
import {
  type RunConfig as Config,
  MULTITASK_STRATEGIES,
  RUN_STATUSES,
  type RunCommand,
  STREAM_MODES,
} from "../../domain/run.ts";
import {
  CheckpointRef,
  Duration,
  Id,
  JsonObject,
  optional,
  QueryFlag,
  queryInt,
  queryList,
  unsupported,
  withDefault,
} from "./common.ts";

export const StreamMode = z.enum(STREAM_MODES);

/** Most runs that one request may create or name. */
const MAX_BATCH = 1000;

/** Each of them is a request to another service. */
const MAX_FEEDBACK_KEYS = 20;

const NO_HISTORY = "a run without a thread has no history to start from";
const ON_COMPLETION = "a thread that was there before the run stays: only 'keep' is possible";

/** Keys that LangGraph keeps for itself; a client that sets them could reach into its internals. */
const RESERVED_KEY = /^__pregel_|^checkpoint_(id|ns|map)$/;

export const isReservedKey = (key: string): boolean => RESERVED_KEY.test(key);

const Configurable = JsonObject.refine((value) => !Object.keys(value).some(isReservedKey), {
  message: "keys starting with '__pregel_' are reserved, and checkpoints are named by the field 'checkpoint'",
});

const configFields = {
  tags: optional(z.array(z.string())),
  recursion_limit: optional(z.int().min(1).max(100_000)),
  max_concurrency: optional(z.int().min(1)),
  run_name: optional(z.string()),
  metadata: optional(JsonObject),
  configurable: optional(Configurable),
};

const withoutUndefined = (config: object) =>
  Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));

/** LangChain's RunnableConfig as JSON. */
export const RunConfig = z.strictObject(configFields).transform(withoutUndefined);

/** The same for one run, which may bring its own id. */
export const OwnRunConfig = z
  .strictObject({ ...configFields, run_id: optional(Id) })
  .transform((config): Config => withoutUndefined(config));

const Goto = z.union([
  z.string().min(1),
  z.strictObject({ node: z.string().min(1), input: z.unknown().optional() }),
]);
const Gotos = z.union([Goto, z.array(Goto)], "expected a node, {node, input}, or a list of them");

/** What LangGraph calls its own channels, except for the one of a state that is not an object. */
const OWN_CHANNEL = /^__(?!root__$)/;

const Update = z
  .union(
    [JsonObject, z.array(z.tuple([z.string(), z.unknown()]))],
    "expected an object, or a list of [key, value]",
  )
  .refine((update) => keysOf(update).every((key) => !OWN_CHANNEL.test(key) && !key.includes("\\")), {
    message:
      "no key may begin with '__', as LangGraph's own do, or contain a backslash, which it cannot read back",
  });

const keysOf = (update: object): string[] =>
  Array.isArray(update) ? update.map(([key]) => String(key)) : Object.keys(update);

export const Command = z
  .strictObject({
    /** LangGraph's own mark; RemoteGraph leaves it on. */
    lg_name: z.literal("Command").optional(),
    graph: unsupported("a command from outside cannot leave its graph"),
    update: Update.nullish(),
    resume: z.unknown().optional(),
    goto: Gotos.nullish(),
  })
  .transform(({ lg_name: _, graph: __, ...command }) => command);

/** One that says nothing is no command: LangGraph would refuse it, and clients send it beside an input. */
const saysNothing = ({ update, resume, goto }: RunCommand): boolean =>
  resume === undefined && (update ?? null) === null && [goto ?? []].flat().length === 0;

const InterruptAt = z.union([z.literal("*"), z.array(z.string())], "expected '*' or a list of nodes");
const StreamModes = z.union(
  [StreamMode, z.array(StreamMode)],
  `expected one or a list of ${STREAM_MODES.join(", ")}`,
);

const FeedbackKeys = z.array(z.string().min(1).max(256)).max(MAX_FEEDBACK_KEYS);

/** LangGraph starts at the latest state, whatever the subgraph, unless the map names another one. */
const startsSomewhere = ({
  checkpoint,
}: {
  readonly checkpoint: z.output<typeof CheckpointRef> | undefined;
}) => (checkpoint?.checkpoint_ns ?? "") === "" || checkpoint?.checkpoint_map?.[""] !== undefined;

const fields = {
  assistant_id: z.string().min(1),
  input: z.unknown().optional(),
  command: Command.nullish(),
  config: optional(OwnRunConfig),
  context: optional(JsonObject),
  metadata: withDefault(JsonObject, {}),
  stream_mode: StreamModes.nullish().meta({ inputDefault: ["values"] }),
  stream_subgraphs: withDefault(z.boolean(), false),
  /** Every stream can be resumed, so there is nothing to switch on. */
  stream_resumable: withDefault(z.boolean(), false),
  interrupt_before: InterruptAt.nullish(),
  interrupt_after: InterruptAt.nullish(),
  after_seconds: withDefault(Duration, 0),
  durability: z.enum(["sync", "async", "exit"]).nullish().meta({ inputDefault: "async" }),
  /** What came before `durability`: true meant async, false exit. */
  checkpoint_during: z.boolean().nullish(),
  on_disconnect: withDefault(z.enum(["cancel", "continue"]), "continue"),
  webhook: unsupported("webhooks are not supported by this server"),
  feedback_keys: withDefault(FeedbackKeys, []),
  strict_resume: withDefault(z.boolean(), false),
  langsmith_tracer: z
    .strictObject({ project_name: optional(z.string().min(1)), example_id: optional(z.string().min(1)) })
    .nullish(),
};

const threadFields = {
  checkpoint: optional(CheckpointRef),
  checkpoint_id: optional(z.string().min(1)),
  multitask_strategy: withDefault(z.enum(MULTITASK_STRATEGIES), "enqueue"),
  if_not_exists: withDefault(z.enum(["create", "reject"]), "reject"),
  /** A thread that was there before the run stays after it. */
  on_completion: z.enum(["keep", "complete", "continue"], ON_COMPLETION).nullish(),
};

export const ThreadRunCreate = z
  .strictObject({ ...fields, ...threadFields })
  .refine(startsSomewhere, {
    path: ["checkpoint", "checkpoint_map"],
    message: "must name the checkpoint of the graph itself, under the key '', to start in a subgraph",
  })
  .transform((body) => ({
    ...toRunCreate(body),
    checkpoint: {
      ...body.checkpoint,
      ...(body.checkpoint_id !== undefined && { checkpoint_id: body.checkpoint_id }),
    },
    multitask_strategy: body.multitask_strategy,
    if_not_exists: body.if_not_exists,
    on_completion: "keep" as const,
  }));

export const StatelessRunCreate = z
  .strictObject({
    ...fields,
    on_completion: withDefault(z.enum(["delete", "keep"]), "delete"),
    /** A thread of its own cannot be missing and has nothing else to do. */
    if_not_exists: z.enum(["create", "reject"]).nullish(),
    multitask_strategy: z.enum(MULTITASK_STRATEGIES).nullish(),
    checkpoint: CheckpointRef.refine((ref) => Object.keys(ref).length === 0, NO_HISTORY).nullish(),
    checkpoint_id: unsupported(NO_HISTORY),
  })
  .transform((body) => ({
    ...toRunCreate(body),
    thread_id: null,
    checkpoint: {},
    multitask_strategy: "enqueue" as const,
    if_not_exists: "create" as const,
    on_completion: body.on_completion,
  }));

/** The SDK sends the fields of a batch as they are spelt in JavaScript. */
const withProtocolSpelling = (payload: unknown): unknown =>
  isJsonObject(payload)
    ? Object.fromEntries(Object.entries(payload).map(([key, value]) => [toProtocolKey(key), value]))
    : payload;

const toProtocolKey = (key: string): string =>
  /^_?[a-z]+([A-Z][a-z]+)+$/.test(key)
    ? key.replace(/^_/, "").replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    : key;

export const RunBatchCreate = z
  .array(z.preprocess(withProtocolSpelling, StatelessRunCreate))
  .min(1)
  .max(MAX_BATCH);

type Fields = z.output<z.ZodObject<typeof fields>>;

function toRunCreate(body: Fields) {
  // An empty list is what clients send that do not care; the hosted server reads it as the default.
  const modes = [body.stream_mode ?? []].flat();
  return {
    assistant_id: body.assistant_id,
    input: body.input ?? null,
    command: body.command == null || saysNothing(body.command) ? null : body.command,
    config: body.config ?? {},
    context: body.context ?? null,
    metadata: body.metadata,
    stream_mode: modes.length === 0 ? (["values"] as const) : [...new Set(modes)],
    stream_subgraphs: body.stream_subgraphs,
    stream_resumable: body.stream_resumable,
    interrupt_before: body.interrupt_before ?? null,
    interrupt_after: body.interrupt_after ?? null,
    after_seconds: body.after_seconds,
    durability:
      body.durability ?? (body.checkpoint_during === false ? ("exit" as const) : ("async" as const)),
    strict_resume: body.strict_resume,
    feedback_keys: [...new Set(body.feedback_keys)],
    langsmith_tracer: body.langsmith_tracer ?? null,
    on_disconnect: body.on_disconnect,
  };
}

export const RunParam = z.object({ thread_id: Id, run_id: Id });
export const StatelessRunParam = z.object({ run_id: Id });

export const RunListQuery = z.strictObject({
  limit: queryInt(z.int().min(1).max(1000)).optional().default(10),
  offset: queryInt(z.int().min(0)).optional().default(0),
  status: z.enum(RUN_STATUSES).optional(),
  select: queryList(
    z.enum([
      "run_id",
      "thread_id",
      "assistant_id",
      "status",
      "multitask_strategy",
      "metadata",
      "kwargs",
      "created_at",
      "updated_at",
      "cancel_reason",
      // Of runs that the hosted server traces; here none has it.
      "langsmith_session_name",
    ]),
  ).optional(),
});

export const JoinQuery = z.strictObject({
  cancel_on_disconnect: QueryFlag.optional().default(false),
  /** Where a client believes the run began. The answer is that of the run, whatever it says. */
  checkpoint_id: z.string().optional(),
});

/** Parts of the graph, `""` for the graph itself and `a|b` for the subgraph of `b` in the one of `a`. */
const Namespaces = queryList(z.string().max(1000))
  .pipe(z.array(z.string()).max(100))
  .transform((namespaces) => namespaces.map((text) => (text === "" ? [] : text.split("|"))));

export const RunStreamQuery = z.strictObject({ namespace: Namespaces.optional() });

export const JoinStreamQuery = z.strictObject({
  cancel_on_disconnect: QueryFlag.optional().default(false),
  stream_mode: queryList(StreamMode).optional(),
  namespace: Namespaces.optional(),
  /** Where a client believes the run began. The stream is that of the run, whatever it says. */
  checkpoint_id: z.string().optional(),
});

const CancelAction = z.enum(["interrupt", "rollback"]).optional().default("interrupt");

export const CancelQuery = z
  .strictObject({
    wait: QueryFlag.optional().default(false),
    action: CancelAction,
    reason: z.enum(["taken"]).optional(),
  })
  .refine(({ action, reason }) => reason === undefined || action === "interrupt", {
    path: ["reason"],
    message: "goes with the action interrupt: a run that is rolled back is gone with its reason",
  });

export const BulkCancelQuery = z.strictObject({ action: CancelAction });

const absent = z.null().optional();

export const RunsCancel = z.union(
  [
    z
      .strictObject({ status: z.enum(["pending", "running", "all"]), thread_id: absent, run_ids: absent })
      .transform(({ status }) => ({ status })),
    z
      .strictObject({ thread_id: Id, run_ids: z.array(Id).min(1).max(MAX_BATCH), status: absent })
      .transform(({ thread_id, run_ids }) => ({ thread_id, run_ids })),
  ],
  "expected either status (pending, running or all), or thread_id and run_ids",
);

/** Cancelling has no body; clients that send one send an empty object. */
export const EmptyBody = z.strictObject({});

/** Number of the last event a client has seen; 0 for none. */
export const LastEventId = z
  .string()
  .regex(/^(-1?|\d{1,16})$/, "is not one of this server's event ids")
  .transform((text) => Math.max(0, Number(text) || 0));
