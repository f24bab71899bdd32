import type { Assistant } from "../../domain/assistant.ts";
import type { Caller } from "../../domain/caller.ts";
import type { CheckpointRef } from "../../domain/checkpoint.ts";
import { conflict, notFound } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { newId } from "../../domain/new-id.ts";
import type { MultitaskStrategy, NewRun, Run, RunConfig, RunKwargs } from "../../domain/run.ts";
import { mergeContext, mergeRunConfig } from "../../domain/run-config.ts";
import type { Engine } from "../../engine/engine.ts";
import type { NodeReference } from "../../engine/require-nodes.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import { insertRun, listUnfinishedRuns } from "../../persistence/runs.ts";
import { findThreadForUpdate, insertThread, updateThreadBusy } from "../../persistence/threads.ts";
import { getAssistant } from "../assistants.ts";
import { requireForkPoint } from "../threads/require-checkpoint.ts";
import type { WakeUps } from "../wake-ups.ts";
import { cancelUnfinishedRun } from "./cancel-run.ts";

interface Deps {
  readonly db: Database;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
}

type RequestedKwargs = Omit<RunKwargs, "graph_id" | "config" | "context">;

export interface RunCreate extends RequestedKwargs {
  /** Null makes a thread for this run alone. */
  readonly thread_id: string | null;
  /** Id of an assistant or of a graph. */
  readonly assistant_id: string;
  readonly config: RunConfig;
  readonly context: JsonObject | null;
  readonly metadata: JsonObject;
  /** Where in the thread's history to start; its latest state unless it has an id. */
  readonly checkpoint: CheckpointRef;
  readonly multitask_strategy: MultitaskStrategy;
  readonly if_not_exists: "create" | "reject";
  readonly after_seconds: number;
  /** What becomes of a thread that was made for this run. */
  readonly on_completion: "delete" | "keep";
}

/**
 * Queues a run. Returns as soon as the row is committed; a worker executes it.
 *
 * @throws DomainError `not_found` for the assistant, the thread or the checkpoint,
 *   `conflict` when the thread is busy and the strategy is `reject`,
 *   `validation_error` when the graph failed to load or does not have a node that is named
 */
export async function createRun(
  { db, engine, wakeUps }: Deps,
  caller: Caller,
  request: RunCreate,
): Promise<Run> {
  const assistant = await getAssistant({ db }, caller, request.assistant_id);
  engine.requireGraph(assistant.graph_id);
  const configurable = { ...(assistant.config as RunConfig).configurable, ...request.config.configurable };
  const context = mergeContext(assistant, request.context);
  await engine.requireNodes({ graph_id: assistant.graph_id, configurable, context }, namedNodes(request));

  const { run, cancelled } = await db.transaction(async (tx) => {
    const threadId = await lockOrInsertThread(tx, caller, request);
    await requireForkPoint(tx, threadId, request.checkpoint);
    const cancelled = await makeWay(tx, threadId, request.multitask_strategy);
    const newRun = toNewRun(assistant, threadId, { ...request, context });
    const run = await insertRun(tx, caller.identity, newRun);
    await updateThreadBusy(tx, threadId, {
      metadata: { graph_id: assistant.graph_id, assistant_id: assistant.assistant_id },
      config: { configurable },
    });
    return { run, cancelled };
  });

  wakeUps.runsPending();
  if (cancelled.length > 0) {
    wakeUps.cancelRequested(cancelled);
    wakeUps.runsEnded(cancelled);
  }
  return run;
}

/** Every node that the request names, and where. */
function namedNodes({ interrupt_before, interrupt_after, command }: RunCreate): NodeReference[] {
  const targets = [command?.goto ?? []]
    .flat()
    .map((target) => (typeof target === "string" ? target : target.node));
  return [
    ...toReferences("interrupt_before", interrupt_before === "*" ? [] : interrupt_before),
    ...toReferences("interrupt_after", interrupt_after === "*" ? [] : interrupt_after),
    ...toReferences(
      "command.goto",
      targets.filter((node) => node !== "__end__"),
    ),
  ];
}

const toReferences = (path: string, nodes: readonly string[] | null): NodeReference[] =>
  (nodes ?? []).map((node) => ({ path, node }));

/** @returns the id of the thread, whose row is locked or new */
async function lockOrInsertThread(tx: Queryable, caller: Caller, request: RunCreate): Promise<string> {
  const { thread_id } = request;
  if (thread_id !== null) {
    const found = await findThreadForUpdate(tx, caller.identity, thread_id);
    if (found !== null) return thread_id;
    if (request.if_not_exists === "reject") throw notFound("Thread", thread_id);
  }
  const threadId = thread_id ?? newId();
  const inserted = await insertThread(tx, caller.identity, { thread_id: threadId, metadata: {} });
  if (inserted !== null) return threadId;
  // Someone else was faster: it is theirs, or the caller's from another request a moment ago.
  const found = await findThreadForUpdate(tx, caller.identity, threadId);
  if (found === null) throw notFound("Thread", threadId);
  return threadId;
}

/**
 * Applies the strategy to the runs that are in the way. The lock on the thread orders concurrent creates,
 * so `reject` cannot be raced.
 *
 * @returns the runs that were told to stop
 */
async function makeWay(
  tx: Queryable,
  threadId: string,
  strategy: MultitaskStrategy,
): Promise<readonly string[]> {
  const unfinished = strategy === "enqueue" ? [] : await listUnfinishedRuns(tx, threadId);
  if (unfinished.length === 0) return [];
  if (strategy === "reject") {
    throw conflict(
      `Thread '${threadId}' has a run in progress; wait for it, or choose another multitask_strategy`,
    );
  }
  const action = strategy === "rollback" ? "rollback" : "interrupt";
  for (const runId of unfinished) await cancelUnfinishedRun(tx, runId, action);
  return unfinished;
}

/** @param request with its context already merged with the assistant's */
function toNewRun(assistant: Assistant, threadId: string, request: RunCreate): NewRun {
  const run_id = newId();
  const { checkpoint, config, metadata, thread_id, multitask_strategy, after_seconds, on_completion } =
    request;
  return {
    run_id,
    thread_id: threadId,
    assistant_id: assistant.assistant_id,
    multitask_strategy,
    metadata: {
      ...assistant.metadata,
      ...metadata,
      graph_id: assistant.graph_id,
      assistant_id: assistant.assistant_id,
    },
    delete_thread: thread_id === null && on_completion === "delete",
    delaySeconds: after_seconds,
    kwargs: {
      graph_id: assistant.graph_id,
      input: request.input,
      command: request.command,
      config: mergeRunConfig(assistant, {
        run_id,
        thread_id: threadId,
        config: { ...config, configurable: { ...config.configurable, ...checkpoint } },
        metadata,
      }),
      context: request.context,
      stream_mode: request.stream_mode,
      stream_subgraphs: request.stream_subgraphs,
      stream_resumable: request.stream_resumable,
      interrupt_before: request.interrupt_before,
      interrupt_after: request.interrupt_after,
      durability: request.durability,
    },
  };
}
