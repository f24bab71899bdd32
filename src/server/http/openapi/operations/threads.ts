import { empty, json, listOf, NO_THREAD, type Operation, problem, ref } from "../operation.ts";

const SUBGRAPHS = "Whether tasks that run a subgraph come with the subgraph's state.";

const SELECT = "Only these fields of a state; `values.<key>` is one of its values.";

/** `/threads…` without their runs, by method and path. */
export const threadOperations: Readonly<Record<string, Operation>> = {
  "POST /threads": {
    id: "create_thread",
    tag: "Threads",
    summary: "Make a thread",
    answers: {
      200: json("The thread.", ref("Thread")),
      409: problem("The id is taken, and `if_exists` is `raise`."),
    },
  },
  "POST /threads/search": {
    id: "search_threads",
    tag: "Threads",
    summary: "List threads",
    answers: {
      200: json("The threads, or of each what was selected.", listOf(ref("FoundThread")), {
        "X-Pagination-Total": "How many fit the filter.",
        "X-Pagination-Next": "Offset of the next page; absent on the last.",
      }),
    },
  },
  "POST /threads/count": {
    id: "count_threads",
    tag: "Threads",
    summary: "Count threads",
    answers: { 200: json("How many fit the filter.", { type: "integer" }) },
  },
  "POST /threads/prune": {
    id: "prune_threads",
    tag: "Threads",
    summary: "Delete threads, or their history",
    notes: "Passes over threads that are not there, and keeps the history of one that has an unfinished run.",
    answers: {
      200: json("How many threads were pruned.", {
        type: "object",
        properties: { pruned_count: { type: "integer" } },
        required: ["pruned_count"],
      }),
    },
  },
  "GET /threads/:thread_id": {
    id: "get_thread",
    tag: "Threads",
    summary: "Read a thread",
    parameters: { include: "What else to show: `ttl`, its time to live. Several are joined with commas." },
    answers: { 200: json("The thread.", ref("Thread")), 404: NO_THREAD },
  },
  "PATCH /threads/:thread_id": {
    id: "update_thread",
    tag: "Threads",
    summary: "Change a thread",
    headers: [
      {
        name: "Prefer",
        description: "`return=minimal` leaves the thread out of the answer.",
        schema: { type: "string" },
      },
    ],
    answers: {
      200: json("The thread.", ref("Thread")),
      204: empty("It is changed; with `Prefer: return=minimal`."),
      404: NO_THREAD,
    },
  },
  "DELETE /threads/:thread_id": {
    id: "delete_thread",
    tag: "Threads",
    summary: "Delete a thread with its state and runs",
    notes: "Runs in flight are stopped.",
    answers: { 204: empty("It is gone."), 404: NO_THREAD },
  },
  "POST /threads/:thread_id/copy": {
    id: "copy_thread",
    tag: "Threads",
    summary: "Make a thread with the state and history of another, without its runs and its time to live",
    notes: "A copy that is made during a run has what the run has saved by then.",
    answers: { 200: json("The copy.", ref("Thread")), 404: NO_THREAD },
  },
  "GET /threads/:thread_id/state": {
    id: "get_thread_state",
    tag: "Threads",
    summary: "Read the latest state of a thread",
    parameters: { subgraphs: SUBGRAPHS, select: SELECT },
    answers: { 200: json("The state.", ref("ThreadState")), 404: NO_THREAD },
  },
  "POST /threads/:thread_id/state": {
    id: "update_thread_state",
    tag: "Threads",
    summary: "Write to the state of a thread, as if a node had",
    answers: {
      200: json("The checkpoint that this made, once more as LangGraph's configuration has it.", {
        type: "object",
        properties: { checkpoint: ref("Checkpoint"), configurable: ref("Checkpoint") },
        required: ["checkpoint", "configurable"],
      }),
      404: NO_THREAD,
      409: problem("A run of the thread is executing."),
    },
  },
  "PATCH /threads/:thread_id/state": {
    id: "patch_thread_state",
    tag: "Threads",
    summary: "Add metadata to the latest state of a thread, where a search in its history finds it",
    answers: { 204: empty("It is added."), 404: NO_THREAD, 409: problem("The thread has no state yet.") },
  },
  "GET /threads/:thread_id/state/:checkpoint_id": {
    id: "get_thread_state_at_checkpoint",
    tag: "Threads",
    summary: "Read the state of a thread at a checkpoint",
    parameters: { subgraphs: SUBGRAPHS, select: SELECT },
    answers: {
      200: json("The state.", ref("ThreadState")),
      404: problem("There is no such thread or checkpoint."),
    },
  },
  "POST /threads/:thread_id/state/checkpoint": {
    id: "find_thread_state",
    tag: "Threads",
    summary: "Read the state of a thread, or of a subgraph in it, at a checkpoint",
    answers: {
      200: json("The state.", ref("ThreadState")),
      404: problem("There is no such thread or checkpoint."),
    },
  },
  "GET /threads/:thread_id/history": {
    id: "get_thread_history",
    tag: "Threads",
    summary: "List the states of a thread, the newest first",
    parameters: {
      limit: "Most states to list.",
      before: "Id of the checkpoint to begin behind.",
      select: SELECT,
    },
    answers: { 200: json("The states.", listOf(ref("ThreadState"))), 404: NO_THREAD },
  },
  "POST /threads/:thread_id/history": {
    id: "search_thread_history",
    tag: "Threads",
    summary: "List the states of a thread, the newest first, with a filter",
    answers: { 200: json("The states.", listOf(ref("ThreadState"))), 404: NO_THREAD },
  },
};
