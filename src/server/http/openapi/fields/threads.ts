const limit = "Most to list.";
const offset = "How many to leave out at the beginning.";
const TTL =
  "Minutes to live, or these and what happens then: the thread goes, or its history does. Kept and shown; nothing is deleted by it yet.";
const SELECT = "Only these fields of a state; `values.<key>` is one of its values.";

const filter = {
  metadata: "Only threads whose metadata contains this.",
  values: "Only threads whose values contain this.",
  status: "Only threads with this status.",
  ids: "Only these threads.",
};

/** What the fields of the bodies of `/threads…` do. */
export const threadFields = {
  ThreadCreate: {
    thread_id: "Its id; without one it gets a new one.",
    metadata: "Anything; can be searched. `graph_id` in it names the graph before the first run.",
    if_exists: "When the id is taken: `raise` answers 409, `do_nothing` with the thread that has it.",
    ttl: TTL,
    supersteps:
      "State to begin with, step by step: what which node wrote, or a command. Needs `metadata.graph_id`.",
  },
  ThreadPatch: {
    metadata: "Merged with the metadata that is there.",
    ttl: `${TTL} Counted from now; null takes it away.`,
  },
  ThreadPrune: {
    thread_ids: "The threads.",
    strategy: "`delete` deletes them, `keep_latest` all of their history but the latest state.",
  },
  ThreadSearch: {
    ...filter,
    limit,
    offset,
    sort_by: "What to sort by.",
    sort_order: "Whether the least or the greatest comes first.",
    select: "Only these fields of each thread.",
    extract:
      "What to take out of each thread, by the name it gets in `extracted`: `values.messages[-1].content`.",
  },
  ThreadCount: filter,
  StateUpdate: {
    values:
      "What to write, as a node would return it; a list writes several. As `__copy__`, a list of [values, node].",
    as_node: "The node to write as; without one, the last that ran.",
    checkpoint: "Where to write from; without one, the latest state.",
    checkpoint_id: "The same by id alone.",
  },
  StateAtCheckpoint: {
    checkpoint: "The checkpoint; without an id in it, the latest.",
    subgraphs: "Whether tasks that run a subgraph come with the subgraph's state.",
    select: SELECT,
  },
  StatePatch: { metadata: "Merged with the metadata of the latest state." },
  HistorySearch: {
    limit: "Most states to list.",
    before: "Begin behind this checkpoint: itself, its id, or a LangGraph config that names it.",
    metadata: "Only states whose metadata contains this.",
    checkpoint: "Names the subgraph whose history to list, by its namespace.",
    select: SELECT,
  },
} as const;
