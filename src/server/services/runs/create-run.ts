import type { RunBus } from "../../bus/run-bus.ts";
import type { Assistant } from "../../domain/assistant.ts";
import type { Caller } from "../../domain/caller.ts";
import type { CheckpointRef } from "../../domain/checkpoint.ts";
import { conflict, invalid, notFound } from "../../domain/errors.ts";
import type { JsonObject } from "../../domain/json.ts";
import { newId } from "../../domain/new-id.ts";
import {
  type MultitaskStrategy,
  type NewRun,
  type Run,
  type RunConfig,
  type RunKwargs,
  supersededBy,
} from "../../domain/run.ts";
import { mergeContext } from "../../domain/run-config.ts";
import type { Engine } from "../../engine/engine.ts";
import { hasCheckpointsOfRun } from "../../persistence/checkpoints.ts";
import type { Database, Queryable } from "../../persistence/database.ts";
import { insertEphemeralThread } from "../../persistence/ephemeral-threads.ts";
import { insertRunOnThread, listUnfinishedRuns } from "../../persistence/runs.ts";
import { findThreadForUpdate, insertThread } from "../../persistence/threads.ts";
import { getAssistant } from "../assistants.ts";
import { requireForkPoint } from "../threads/require-checkpoint.ts";
import type { WakeUps } from "../wake-ups.ts";
import { cancelUnfinishedRun } from "./cancel-run.ts";
import type { RequestFeedbackUrls } from "./feedback-urls.ts";
import { insertAtOnce } from "./insert-at-once.ts";
import { namedNodes, threadSettings, toNewRun } from "./new-run.ts";

export interface CreateDeps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
  readonly requestFeedbackUrls: RequestFeedbackUrls | null;
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
 *   `conflict` when the thread is busy and the strategy is `reject`, or the run's id is taken,
 *   `validation_error` when the graph failed to load or does not have a node that is named
 */
export async function createRun(deps: CreateDeps, caller: Caller, request: RunCreate): Promise<Run> {
  const [run] = await createRuns(deps, caller, [request]);
  return run as Run;
}

/**
 * Queues several runs: all of them, or none.
 * @param around what else belongs into their transaction; may leave out inserting them
 * @returns them in the order of the requests
 * @throws DomainError as `createRun` does, for the first that cannot be
 */
export async function createRuns(
  deps: CreateDeps,
  caller: Caller,
  requests: readonly RunCreate[],
  around: AroundInsert | null = null,
): Promise<readonly Run[]> {
  const { db, wakeUps } = deps;
  // One after the other: what a batch asks of the database at once stays what a single run asks.
  const prepared: PreparedRun[] = [];
  for (const request of requests) prepared.push(await prepare(deps, caller, request));

  const [only, ...others] = prepared;
  const quick =
    around === null && only !== undefined && others.length === 0
      ? await insertAtOnce(db, caller, only)
      : null;
  if (quick !== null) {
    wakeUps.runsPending();
    return [quick];
  }

  const cancelled: string[] = [];
  const runs = await db.transaction((tx) =>
    (around ?? insertAlone)(tx, async () => {
      const inserted: Run[] = [];
      for (const run of prepared) inserted.push(await insert(tx, caller, run, cancelled));
      return inserted;
    }),
  );

  wakeUps.runsPending();
  if (cancelled.length > 0) {
    wakeUps.cancelRequested(cancelled);
    wakeUps.runsEnded(cancelled);
  }
  return runs;
}

type AroundInsert = (tx: Queryable, insert: () => Promise<readonly Run[]>) => Promise<readonly Run[]>;

const insertAlone: AroundInsert = (_tx, insert) => insert();

export interface PreparedRun {
  readonly assistant: Assistant;
  readonly configurable: JsonObject;
  /** With the context merged with the assistant's. */
  readonly request: RunCreate;
  /** Whether the id that the request gives the run is that of another one whose events are still known. */
  readonly isIdRemembered: boolean;
}

/** Everything that does not need the thread, and so no transaction. */
async function prepare(deps: CreateDeps, caller: Caller, request: RunCreate): Promise<PreparedRun> {
  const { db, bus, engine, requestFeedbackUrls } = deps;
  if (request.feedback_keys.length > 0 && requestFeedbackUrls === null) {
    throw invalid("feedback_keys", "feedback goes to LangSmith; set LANGSMITH_API_KEY for this server");
  }
  const assistant = await getAssistant({ db }, caller, request.assistant_id);
  engine.requireGraph(assistant.graph_id);
  const configurable = { ...(assistant.config as RunConfig).configurable, ...request.config.configurable };
  const context = mergeContext(assistant, request.context);
  await engine.requireNodes({ graph_id: assistant.graph_id, configurable, context }, namedNodes(request));
  const { run_id } = request.config;
  // The bus may ask the database. In a transaction that would take a second connection, and runs that are made at
  // the same time could hold all of them and wait for one more.
  const isIdRemembered = run_id !== undefined && (await bus.findResult(run_id)) !== null;
  return { assistant, configurable, request: { ...request, context }, isIdRemembered };
}

/** @param cancelled gets the runs that were told to stop */
async function insert(
  tx: Queryable,
  caller: Caller,
  { assistant, configurable, request, isIdRemembered }: PreparedRun,
  cancelled: string[],
): Promise<Run> {
  const threadId = await lockOrInsertThread(tx, caller, request);
  await requireForkPoint(tx, threadId, request.checkpoint);
  const newRun = toNewRun(assistant, threadId, request);
  if (request.config.run_id !== undefined) await requireUnusedId(tx, newRun, isIdRemembered);
  cancelled.push(...(await makeWay(tx, newRun)));
  const run = await insertRunOnThread(
    tx,
    caller.identity,
    newRun,
    threadSettings({ assistant, configurable }),
  );
  if (run === null) throw idTaken(newRun.run_id);
  return run;
}

const idTaken = (runId: string) => conflict(`Run '${runId}' already exists; choose another config.run_id`);

/**
 * A run may be gone while it is remembered: by its checkpoints, for which LangGraph would take the new run for a
 * retry and not apply its input, or by its events, which whoever follows the new run would get.
 */
async function requireUnusedId(
  tx: Queryable,
  { run_id, thread_id }: NewRun,
  isRemembered: boolean,
): Promise<void> {
  if (isRemembered || (await hasCheckpointsOfRun(tx, thread_id, run_id))) throw idTaken(run_id);
}

/** @returns the id of the thread, whose row is locked or new */
async function lockOrInsertThread(tx: Queryable, caller: Caller, request: RunCreate): Promise<string> {
  const { thread_id } = request;
  if (thread_id !== null) {
    const found = await findThreadForUpdate(tx, caller.identity, thread_id);
    if (found !== null) return thread_id;
    if (request.if_not_exists === "reject") throw notFound("Thread", thread_id);
  }
  const threadId = thread_id ?? newId();
  if (thread_id === null && request.on_completion === "delete") {
    await insertEphemeralThread(tx, caller.identity, threadId);
    return threadId;
  }
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
  { run_id, thread_id: threadId, multitask_strategy: strategy }: NewRun,
): Promise<readonly string[]> {
  const unfinished = strategy === "enqueue" ? [] : await listUnfinishedRuns(tx, threadId);
  if (unfinished.length === 0) return [];
  if (strategy === "reject") {
    throw conflict(
      `Thread '${threadId}' has a run in progress; wait for it, or choose another multitask_strategy`,
    );
  }
  const action = strategy === "rollback" ? "rollback" : "interrupt";
  const reason = supersededBy(run_id);
  for (const runId of unfinished) await cancelUnfinishedRun(tx, runId, { action, reason });
  return unfinished;
}
