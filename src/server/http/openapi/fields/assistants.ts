const graph_id = "The graph, by its id in the configuration.";
const config = "Configuration for its runs, beneath what a run brings along.";
const context = "Context for its runs, beneath what a run brings along.";
const limit = "Most to list.";
const offset = "How many to leave out at the beginning.";

const filter = {
  graph_id: "Only assistants of this graph.",
  name: "Only assistants whose name contains this, in any case.",
  metadata: "Only assistants whose metadata contains this.",
};

/** What the fields of the bodies of `/assistants…` do. */
export const assistantFields = {
  AssistantCreate: {
    assistant_id: "Its id; without one it gets a new one.",
    graph_id,
    config,
    context,
    metadata: "Anything; can be searched.",
    if_exists: "When the id is taken: `raise` answers 409, `do_nothing` with the assistant that has it.",
    name: "For people.",
    description: "For people, and for tools that list assistants.",
  },
  AssistantPatch: {
    graph_id,
    config: `${config} Replaces the old one.`,
    context: `${context} Replaces the old one.`,
    metadata: "Merged with the metadata that is there.",
    name: "For people.",
    description: "For people, and for tools that list assistants; null removes it.",
  },
  AssistantSearch: {
    ...filter,
    limit,
    offset,
    sort_by: "What to sort by.",
    sort_order: "Whether the least or the greatest comes first.",
    select: "Only these fields of each assistant.",
  },
  AssistantCount: filter,
  AssistantVersions: {
    metadata: "Only versions whose metadata contains this.",
    limit,
    offset,
  },
  LatestVersion: { version: "Number of the version; may be in the query instead." },
} as const;
