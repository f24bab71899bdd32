import { empty, json, listOf, NO_ASSISTANT, type Operation, problem, ref } from "../operation.ts";

const RECURSE = "Whether the subgraphs of subgraphs come along.";
const SUBGRAPHS = json("The schemas, by the subgraph's namespace.", {
  type: "object",
  additionalProperties: ref("SubgraphSchema"),
});

const ASSISTANT_ID = "An assistant's id, or a graph's for its default assistant.";

/** `/assistants…`, by method and path. */
export const assistantOperations: Readonly<Record<string, Operation>> = {
  "POST /assistants": {
    id: "create_assistant",
    tag: "Assistants",
    summary: "Make an assistant: a graph with settings of its own",
    answers: {
      200: json("The assistant.", ref("Assistant")),
      404: problem("There is no such graph."),
      409: problem("The id is taken, and `if_exists` is `raise`."),
    },
  },
  "POST /assistants/search": {
    id: "search_assistants",
    tag: "Assistants",
    summary: "List assistants",
    answers: {
      200: json("The assistants.", listOf(ref("Assistant")), {
        "X-Pagination-Total": "How many fit the filter.",
        "X-Pagination-Next": "Offset of the next page; absent on the last.",
      }),
    },
  },
  "POST /assistants/count": {
    id: "count_assistants",
    tag: "Assistants",
    summary: "Count assistants",
    answers: { 200: json("How many fit the filter.", { type: "integer" }) },
  },
  "GET /assistants/:assistant_id": {
    id: "get_assistant",
    tag: "Assistants",
    summary: "Read an assistant",
    parameters: { assistant_id: ASSISTANT_ID },
    answers: { 200: json("The assistant.", ref("Assistant")), 404: NO_ASSISTANT },
  },
  "PATCH /assistants/:assistant_id": {
    id: "update_assistant",
    tag: "Assistants",
    summary: "Change an assistant, which makes its next version",
    notes: "What is absent stays as it is.",
    parameters: { assistant_id: ASSISTANT_ID },
    answers: { 200: json("The new version.", ref("Assistant")), 404: NO_ASSISTANT },
  },
  "DELETE /assistants/:assistant_id": {
    id: "delete_assistant",
    tag: "Assistants",
    summary: "Delete an assistant with its versions",
    parameters: {
      assistant_id: ASSISTANT_ID,
      delete_threads: "Whether to delete the threads that ran it too.",
    },
    notes: "The default assistant of a graph that is served cannot be deleted.",
    answers: {
      204: empty("It is gone."),
      404: NO_ASSISTANT,
      409: problem("It is the default assistant of a graph."),
    },
  },
  "GET /assistants/:assistant_id/graph": {
    id: "draw_assistant",
    tag: "Assistants",
    summary: "Nodes and edges of an assistant's graph",
    parameters: {
      assistant_id: ASSISTANT_ID,
      xray: "`true` draws subgraphs in place of their nodes; a number, that many levels of them.",
    },
    answers: { 200: json("The graph.", ref("Graph")), 404: NO_ASSISTANT },
  },
  "GET /assistants/:assistant_id/schemas": {
    id: "get_assistant_schemas",
    tag: "Assistants",
    summary: "JSON Schemas of what an assistant's graph takes and gives",
    parameters: { assistant_id: ASSISTANT_ID },
    answers: { 200: json("The schemas.", ref("GraphSchema")), 404: NO_ASSISTANT },
  },
  "GET /assistants/:assistant_id/subgraphs": {
    id: "list_assistant_subgraphs",
    tag: "Assistants",
    summary: "JSON Schemas of the subgraphs of an assistant's graph",
    parameters: { assistant_id: ASSISTANT_ID, recurse: RECURSE },
    answers: { 200: SUBGRAPHS, 404: NO_ASSISTANT },
  },
  "GET /assistants/:assistant_id/subgraphs/:namespace": {
    id: "get_assistant_subgraph",
    tag: "Assistants",
    summary: "JSON Schemas of one subgraph of an assistant's graph",
    parameters: {
      assistant_id: ASSISTANT_ID,
      namespace: "Nodes on the way to the subgraph, with `|` between them.",
      recurse: RECURSE,
    },
    answers: { 200: SUBGRAPHS, 404: NO_ASSISTANT },
  },
  "POST /assistants/:assistant_id/versions": {
    id: "list_assistant_versions",
    tag: "Assistants",
    summary: "List the versions of an assistant, the newest first",
    parameters: { assistant_id: ASSISTANT_ID },
    answers: { 200: json("The versions.", listOf(ref("AssistantVersion"))), 404: NO_ASSISTANT },
  },
  "POST /assistants/:assistant_id/latest": {
    id: "set_latest_assistant_version",
    tag: "Assistants",
    summary: "Make a version of an assistant the one that is used",
    notes: "The version can be in the body, where the SDK sends it, or in the query.",
    parameters: { assistant_id: ASSISTANT_ID, version: "Number of the version, unless the body has it." },
    answers: {
      200: json("The assistant at that version.", ref("Assistant")),
      404: problem("There is no such assistant, or no such version of it."),
    },
  },
};
