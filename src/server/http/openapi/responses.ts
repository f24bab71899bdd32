import { z } from "zod";
import { MULTITASK_STRATEGIES, RUN_STATUSES } from "../../domain/run.ts";
import { PRUNE_STRATEGIES } from "../../domain/thread.ts";

/** What the server answers with, for its description; nothing is checked against these at run time. */

const Uuid = z.guid();
const Time = z.iso.datetime();
const Json = z.record(z.string(), z.unknown());

const Problem = z
  .object({
    error: z.string().describe("A code for programs, such as `not_found`."),
    message: z.string().describe("What is wrong, and where."),
    details: z
      .object({ issues: z.array(z.object({ path: z.string(), message: z.string() })) })
      .nullable()
      .describe("For a request that does not fit its schema: every place that is wrong."),
    detail: z
      .string()
      .describe("The message once more, in the field that clients of the hosted server read."),
  })
  .describe("Why a request was refused.");

const Assistant = z
  .object({
    assistant_id: Uuid,
    graph_id: z.string(),
    name: z.string(),
    description: z.string().nullable(),
    config: Json,
    context: Json,
    metadata: Json,
    version: z.int().min(1),
    created_at: Time,
    updated_at: Time,
  })
  .describe("A graph with settings of its own. Every graph has one that the server made.");

const AssistantVersion = Assistant.omit({ updated_at: true }).describe(
  "An assistant as it was at a version.",
);

const Graph = z
  .object({ nodes: z.array(Json), edges: z.array(Json) })
  .describe("Nodes and edges of a graph, as LangGraph draws it.");

const GraphSchema = z
  .object({
    graph_id: z.string(),
    input_schema: Json,
    output_schema: Json,
    state_schema: Json,
    config_schema: Json,
    context_schema: Json,
  })
  .describe("What a graph takes and gives, as JSON Schemas. An empty one means that nothing is known.");

const SubgraphSchema = GraphSchema.omit({ graph_id: true }).describe("What a subgraph takes and gives.");

const Interrupt = z
  .object({ id: z.string().optional(), value: z.unknown() })
  .describe("A question that a graph asked and that was not answered.");

const ThreadTtl = z
  .object({ strategy: z.enum(PRUNE_STRATEGIES), ttl_minutes: z.number(), expires_at: Time })
  .describe("How long a thread may live, and whether then it goes or its history does.");

const Thread = z
  .object({
    thread_id: Uuid,
    created_at: Time,
    updated_at: Time,
    state_updated_at: Time.describe("When the state changed last, as opposed to the metadata."),
    metadata: Json,
    config: Json,
    status: z.enum(["idle", "busy", "interrupted", "error"]),
    values: z.unknown().describe("State after the last run or update; null before the first."),
    interrupts: z.record(z.string(), z.array(Interrupt)).describe("Open questions, by the task that asked."),
    error: Json.nullable().describe("Why the last run failed; null unless the status is `error`."),
    ttl: ThreadTtl.optional().describe("Only where it is asked for, and the thread has one."),
  })
  .describe("A conversation: the state that runs read and write, and where it stands.");

const FoundThread = Thread.partial()
  .extend({ extracted: Json.optional().describe("What was taken out of the thread by path.") })
  .describe("What a search found of a thread.");

const Checkpoint = z
  .object({
    thread_id: Uuid,
    checkpoint_ns: z.string(),
    checkpoint_id: z.string().nullable(),
    checkpoint_map: Json.nullable(),
  })
  .describe("A point in a thread's history.");

const ThreadTask = z
  .object({
    id: z.string(),
    name: z.string(),
    path: z.array(z.unknown()),
    error: z.string().nullable(),
    interrupts: z.array(Interrupt),
    checkpoint: Checkpoint.nullable(),
    get state() {
      return z.union([ThreadState, z.null()]);
    },
    result: z.unknown(),
  })
  .describe("A step that is due, was interrupted, or failed.");

const ThreadState: z.ZodType = z
  .object({
    values: z.union([Json, z.array(z.unknown())]),
    next: z.array(z.string()).describe("Nodes that would run next; empty when the graph is at its end."),
    tasks: z.array(ThreadTask),
    metadata: Json,
    created_at: z.string().nullable(),
    checkpoint: Checkpoint.nullable(),
    parent_checkpoint: Checkpoint.nullable(),
    interrupts: z.array(Interrupt),
  })
  .describe("State of a thread at one checkpoint.");

const Run = z
  .object({
    run_id: Uuid,
    thread_id: Uuid,
    assistant_id: Uuid,
    status: z.enum(RUN_STATUSES),
    multitask_strategy: z.enum(MULTITASK_STRATEGIES),
    metadata: Json,
    kwargs: Json.describe("What executing the run needs."),
    created_at: Time,
    updated_at: Time,
    cancel_reason: z.string().nullable().describe("Why the run was cancelled; null unless it was."),
  })
  .describe("One execution of an assistant on a thread.");

const Item = z
  .object({
    namespace: z.array(z.string()),
    key: z.string(),
    value: Json,
    created_at: Time,
    updated_at: Time,
  })
  .describe("A document of the long-term memory that graphs and clients share.");

const FoundItem = Item.extend({
  score: z.number().nullable().optional().describe("How well the item fits a search by meaning."),
});

const ServerInfo = z.object({
  version: z
    .string()
    .describe("Of the hosted server whose protocol is spoken; clients look for a least one."),
  aegra_version: z.string(),
  langgraph_js_version: z.string(),
  context: z.literal("js"),
  flags: z.record(z.string(), z.boolean()).describe("What the server can do, by the names clients ask for."),
  metadata: Json,
  host: z
    .object({
      kind: z.literal("self-hosted"),
      project_id: z.null(),
      revision_id: z.null(),
      tenant_id: z.null(),
    })
    .describe("Where the server runs; the ids are those of a platform and null without one."),
});

/** The bodies of answers, by the name that they have in the description of the API. */
export const RESPONSES = {
  Assistant,
  AssistantVersion,
  Checkpoint,
  FoundItem,
  FoundThread,
  Graph,
  GraphSchema,
  Interrupt,
  Item,
  Problem,
  Run,
  ServerInfo,
  SubgraphSchema,
  Thread,
  ThreadState,
  ThreadTask,
  ThreadTtl,
} as const;

export type ResponseName = keyof typeof RESPONSES;
