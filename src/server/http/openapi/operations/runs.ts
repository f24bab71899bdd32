import {
  type Answer,
  empty,
  events,
  IDEMPOTENCY_KEY,
  json,
  LAST_EVENT_ID,
  listOf,
  NO_RUN,
  NO_THREAD,
  type Operation,
  problem,
  ref,
} from "../operation.ts";

/** What every answer that makes a run says. */
const MADE = {
  "Content-Location": "Path of the run.",
  "Idempotency-Replayed": "`true` when an earlier request with the same key has made the run.",
};

const LOCATIONS = {
  "Content-Location": "Path of the run.",
  Location: "Path of its stream, to go on from after the connection broke.",
};

const REFUSALS: Readonly<Record<number, Answer>> = {
  404: problem("There is no such thread, assistant, or checkpoint."),
  409: problem(
    "The thread has an unfinished run and `multitask_strategy` is `reject`, the id is taken, or the `Idempotency-Key` was used for another request.",
  ),
};

/** A thread of its own cannot be missing or busy. */
const STATELESS_REFUSALS: Readonly<Record<number, Answer>> = {
  404: problem("There is no such assistant."),
  409: problem(
    "The id that `config.run_id` asks for is taken, or the `Idempotency-Key` was used for another request.",
  ),
};

const ACTION = "`interrupt` keeps what the run did, `rollback` undoes and deletes it.";

const STREAM = events("The events of the run, until its end.", LOCATIONS);
const NEW_STREAM = { ...STREAM, headers: { ...LOCATIONS, ...MADE } };
const VALUES = json(
  "Values of the state at the end. `__interrupt__` holds what the graph asks, `__error__` why it failed, `__feedback__` where to send feedback.",
  {},
  { "Content-Location": "Path of the run." },
);
const NEW_VALUES = { ...VALUES, headers: MADE };
const RUN = json("The run.", ref("Run"), MADE);

const NAMESPACE =
  "Only events of these parts of the graph: nothing for the graph itself, `a|b` for the subgraph of `b` in that of `a`.";
const CHECKPOINT_ID = "Accepted, because clients send it; the run is the same in any case.";
const CANCEL_ON_DISCONNECT = "Whether the run is cancelled when this connection breaks.";

/** What joining a stream takes, with or without a thread. */
const joinStream = {
  parameters: {
    cancel_on_disconnect: CANCEL_ON_DISCONNECT,
    stream_mode: "Only these kinds of events; otherwise all that the run makes.",
    namespace: NAMESPACE,
    checkpoint_id: CHECKPOINT_ID,
  },
  headers: [LAST_EVENT_ID],
} as const;

/** `/threads/:thread_id/runs…` and `/runs…`, by method and path. */
export const runOperations: Readonly<Record<string, Operation>> = {
  "POST /threads/:thread_id/runs": {
    id: "create_run",
    tag: "Thread Runs",
    summary: "Start a run and return at once",
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: RUN, ...REFUSALS },
  },
  "POST /threads/:thread_id/runs/stream": {
    id: "stream_run",
    tag: "Thread Runs",
    summary: "Start a run and stream its events",
    parameters: { namespace: NAMESPACE },
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: NEW_STREAM, ...REFUSALS },
  },
  "POST /threads/:thread_id/runs/wait": {
    id: "wait_for_run",
    tag: "Thread Runs",
    summary: "Start a run and wait for its end",
    notes: "White space before the body keeps the connection open meanwhile.",
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: NEW_VALUES, ...REFUSALS },
  },
  "GET /threads/:thread_id/runs": {
    id: "list_runs",
    tag: "Thread Runs",
    summary: "List the runs of a thread, the newest first",
    parameters: {
      limit: "Most runs to list.",
      offset: "How many to leave out at the beginning.",
      status: "Only runs with this status.",
      select: "Only these fields of each run.",
    },
    answers: {
      200: json("The runs.", listOf(ref("Run")), { "Idempotency-Replayed": MADE["Idempotency-Replayed"] }),
      404: NO_THREAD,
    },
  },
  "GET /threads/:thread_id/runs/:run_id": {
    id: "get_run",
    tag: "Thread Runs",
    summary: "Read a run",
    answers: { 200: json("The run.", ref("Run")), 404: NO_RUN },
  },
  "DELETE /threads/:thread_id/runs/:run_id": {
    id: "delete_run",
    tag: "Thread Runs",
    summary: "Delete a run that is over",
    answers: { 204: empty("It is gone."), 404: NO_RUN, 409: problem("The run is not over.") },
  },
  "GET /threads/:thread_id/runs/:run_id/join": {
    id: "join_run",
    tag: "Thread Runs",
    summary: "Wait for the end of a run",
    parameters: { cancel_on_disconnect: CANCEL_ON_DISCONNECT, checkpoint_id: CHECKPOINT_ID },
    answers: { 200: VALUES, 404: NO_RUN },
  },
  "GET /threads/:thread_id/runs/:run_id/stream": {
    id: "join_run_stream",
    tag: "Thread Runs",
    summary: "Stream the events of a run, from any place",
    ...joinStream,
    answers: { 200: STREAM, 404: NO_RUN },
  },
  "POST /threads/:thread_id/runs/:run_id/cancel": {
    id: "cancel_run",
    tag: "Thread Runs",
    summary: "Cancel a run",
    notes: "A run that is over stays as it is.",
    parameters: {
      wait: "Whether to answer only once the run is over.",
      action: ACTION,
      reason: "`taken` notes on the run that its input went into another one.",
    },
    answers: {
      202: empty("The run is told to stop."),
      204: empty("The run is over; with `wait`."),
      404: NO_RUN,
    },
  },
  "POST /runs": {
    id: "create_stateless_run",
    tag: "Stateless Runs",
    summary: "Start a run on a thread of its own and return at once",
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: RUN, ...STATELESS_REFUSALS },
  },
  "POST /runs/stream": {
    id: "stream_stateless_run",
    tag: "Stateless Runs",
    summary: "Start a run on a thread of its own and stream its events",
    parameters: { namespace: NAMESPACE },
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: NEW_STREAM, ...STATELESS_REFUSALS },
  },
  "POST /runs/wait": {
    id: "wait_for_stateless_run",
    tag: "Stateless Runs",
    summary: "Start a run on a thread of its own and wait for its end",
    headers: [IDEMPOTENCY_KEY],
    answers: { 200: NEW_VALUES, ...STATELESS_REFUSALS },
  },
  "POST /runs/batch": {
    id: "create_stateless_runs",
    tag: "Stateless Runs",
    summary: "Start several runs, each on a thread of its own: all of them or none",
    notes: "The fields of each may also be spelt in camelCase, as the SDK sends them.",
    headers: [IDEMPOTENCY_KEY],
    answers: {
      200: json("The runs.", listOf(ref("Run")), { "Idempotency-Replayed": MADE["Idempotency-Replayed"] }),
      ...STATELESS_REFUSALS,
    },
  },
  "POST /runs/cancel": {
    id: "cancel_runs",
    tag: "Stateless Runs",
    summary: "Cancel some runs of a thread, or all runs that have a status",
    parameters: { action: ACTION },
    answers: {
      204: empty("The runs are told to stop; those that are over stay as they are."),
      404: problem("The thread has none of the runs."),
    },
  },
  "GET /runs/:run_id/stream": {
    id: "join_stateless_run_stream",
    tag: "Stateless Runs",
    summary: "Stream the events of a run by its id alone, from any place",
    ...joinStream,
    answers: { 200: STREAM, 404: NO_RUN },
  },
};
