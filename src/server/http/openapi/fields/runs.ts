const fields = {
  assistant_id: "The assistant, or a graph for its default assistant.",
  input: "What the graph is given; null goes on where the thread stands.",
  command: "LangGraph's Command: answers a question, updates the state, or goes to nodes. Wins over `input`.",
  config: "LangGraph's configuration of the run, on top of the assistant's.",
  context: "Context of the run, on top of the assistant's.",
  metadata: "Anything; kept with the run and its checkpoints.",
  stream_mode: "Which kinds of events the run makes; an empty list is `values`.",
  stream_subgraphs: "Whether the events of subgraphs are streamed too.",
  stream_resumable:
    "Whether the events survive the process that executes the run. A stream can be resumed either way, as long as that is there.",
  interrupt_before: "Nodes to stop before; `*` is all of them.",
  interrupt_after: "Nodes to stop after; `*` is all of them.",
  after_seconds: "How long to wait before the run starts.",
  durability: "When checkpoints are written: with each step, beside the next one, or at the end.",
  checkpoint_during: "The older form of `durability`: true is `async`, false is `exit`.",
  on_disconnect: "Whether the run is cancelled when the connection of its stream or wait breaks.",
  feedback_keys:
    "Kinds of feedback for which the run gets addresses to send it to, in its stream and its wait. Needs `LANGSMITH_API_KEY`.",
  strict_resume: "Whether a `resume` that fits no open question fails the run instead of going unheard.",
  langsmith_tracer:
    "Where in LangSmith the traces of this run go: `project_name`, and `example_id` of a dataset. A server that does not trace makes none.",
};

const config = {
  tags: "Tags for traces and events.",
  recursion_limit: "Most steps that a run takes before it fails.",
  max_concurrency: "Most nodes that execute at once.",
  run_name: "Name of the run in traces and events.",
  metadata: "Kept with the run and its checkpoints.",
  configurable:
    "Settings that the graph reads. Keys of LangGraph's own, such as `checkpoint_id` and all with `__pregel_`, are refused.",
};

/** What the fields of the bodies of runs, and of the parts of several bodies, do. */
export const runFields = {
  CheckpointRef: {
    thread_id: "Accepted; the thread is named by the path.",
    checkpoint_id: "The checkpoint; without it, the latest.",
    checkpoint_ns: "Names a subgraph, by its nodes and tasks; empty for the graph itself.",
    checkpoint_map: "The checkpoints of the graphs around a subgraph, by namespace.",
  },
  Command: {
    lg_name: "LangGraph's mark; accepted.",
    update: "What to write to the state: an object, or a list of [key, value].",
    resume: "The answer to an open question, or an object of answers by the id of their question.",
    goto: "Nodes to go to next: a node, a node with an input of its own, or a list of these.",
  },
  RunConfig: config,
  OwnRunConfig: { ...config, run_id: "The id that the run is to have." },
  ThreadRunCreate: {
    ...fields,
    checkpoint: "Where to start from; without one, the latest state.",
    checkpoint_id: "The same by id alone.",
    multitask_strategy:
      "When the thread has an unfinished run: refuse this one, queue it, or stop that one and keep or undo what it did.",
    if_not_exists: "When there is no such thread: answer 404, or make it.",
    on_completion: "Accepted; a thread that was there before the run stays.",
  },
  StatelessRunCreate: {
    ...fields,
    on_completion: "Whether the thread that is made for the run goes with its end or stays.",
    if_not_exists: "Accepted; the thread is made in any case.",
    multitask_strategy: "Accepted; the thread has no other run.",
    checkpoint: "Accepted while it is empty; the thread has no history to start from.",
  },
  RunsCancel: {
    status: "All runs of the caller that are pending, running, or either; without the other fields.",
    thread_id: "The thread of the runs.",
    run_ids: "The runs.",
  },
} as const;
