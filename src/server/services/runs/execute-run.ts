import { setTimeout as sleep } from "node:timers/promises";
import type { RunBus } from "../../bus/run-bus.ts";
import type { ThreadState } from "../../domain/checkpoint.ts";
import { DomainError } from "../../domain/errors.ts";
import { isMemoryUnavailable } from "../../domain/memory-unavailable.ts";
import {
  type ClaimedRun,
  type FeedbackUrls,
  ResumeRefused,
  RunDrained,
  type RunFailure,
  type RunResult,
  RunStopped,
  type StopReason,
  toRunFailure,
} from "../../domain/run.ts";
import type { ThreadOutcome } from "../../domain/thread.ts";
import type { Engine } from "../../engine/engine.ts";
import type { StreamSignals } from "../../engine/stream-graph.ts";
import { interruptsByTask } from "../../engine/thread-state.ts";
import { type Patience, throughOutages } from "../../engine/through-outages.ts";
import {
  deleteCheckpointsOfMissingThread,
  deleteCheckpointsOfRun,
  deleteCheckpointsOfThread,
} from "../../persistence/checkpoints.ts";
import { type Database, isDatabaseUnavailable, type Queryable } from "../../persistence/database.ts";
import { finishRun, finishRunOnThread, handBackRun } from "../../persistence/leases.ts";
import { deleteRun } from "../../persistence/runs.ts";
import { deleteThreadOfRun, lockThread, updateThreadStatusFromRuns } from "../../persistence/threads.ts";
import { refreshThread } from "../threads/refresh-thread.ts";
import type { WakeUps } from "../wake-ups.ts";
import { toEndEvent } from "./end-event.ts";
import type { RequestFeedbackUrls } from "./feedback-urls.ts";
import { createTimeShare } from "./time-share.ts";
import { whileNotAborted } from "./while-not-aborted.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
  readonly requestFeedbackUrls: RequestFeedbackUrls | null;
}

/** How an execution went: by itself, or why it stopped. */
interface Execution {
  readonly failure: RunFailure | null;
  readonly stopped: StopReason | null;
  /** Whether it is as if the graph had not been asked: its resume did not fit. */
  readonly isRefused?: boolean;
}

type Outcome = RunResult["status"] | "handed_back" | "rolled_back" | "lost";

/**
 * Runs a claimed run to its end: graph events go to the bus, the outcome to the rows of run and thread.
 * A run that is to be handed back returns to the queue; one whose lease is lost is left to its new owner.
 *
 * @returns what became of it; `lost` means that nothing was written to its rows
 */
export async function executeRun(deps: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Outcome> {
  const { db, bus, engine, wakeUps } = deps;
  try {
    const outcome = await execute(deps, run, signals);
    // If it was lost with its thread, the graph may have written to that since.
    if (outcome === "lost") await deleteCheckpointsOfMissingThread(db, run.thread_id);
    return outcome;
  } finally {
    engine.dropHeldState(run);
    bus.release(run.run_id);
    // Its end, if that has come from elsewhere, was not looked at before.
    if (bus.isWatched(run.run_id)) wakeUps.runsEnded([run.run_id]);
  }
}

async function execute(deps: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Outcome> {
  const { wakeUps } = deps;
  const feedbackUrls = requestFeedback(deps, run, signals);
  const executed = await runGraph(deps, run, signals);
  if (executed.stopped === "lease_lost") return "lost";
  const patiently = <T>(work: () => Promise<T>) => throughOutages(work, patience(signals));
  const execution = await patiently(() => saveState(deps, run, executed));
  const { failure, stopped } = execution;
  if (stopped === "drain") {
    // Whoever goes on with it must not be heard of before what was streamed here.
    await deps.bus.flushed(run.run_id);
    if (!(await patiently(() => handBackRun(deps.db, run)))) return "lost";
    wakeUps.runsPending();
    return "handed_back";
  }
  if (stopped === "rollback") return (await patiently(() => rollBack(deps, run))) ? "rolled_back" : "lost";

  if (execution.isRefused) return (await patiently(() => refuse(deps, run, failure))) ? "error" : "lost";

  const result = await patiently(() => readResult(deps, run, { failure, stopped }));
  // Before the rows say that the run is over: from then on its end must be heard of soon.
  const feedback = await feedbackUrls;
  const hasMore = await patiently(() => writeResult(deps, run, result));
  if (hasMore === null) return "lost";
  if (hasMore) wakeUps.runsPending();
  publishEnd(deps, run, { ...result, ...(feedback !== null && { feedback }) });
  if (result.state !== null && !run.delete_thread) deps.bus.publishState(run.thread_id, result.state);
  return result.status;
}

/** How long the end of a run is tried to be written, where neither a lost lease nor the end of the server cuts it short. */
const MAX_PATIENCE_MS = 30_000;

/** A graph that has come to its end need not do it all again because the database is away for a moment. */
function patience({ abort, drain }: StreamSignals): Patience {
  const startedMs = performance.now();
  return {
    isOutage: isDatabaseUnavailable,
    isWorthwhile: () =>
      !drain.aborted &&
      findStop(abort)?.reason !== "lease_lost" &&
      // A signal tells one reason only: of a run that is cancelled, a lost lease is not heard of.
      performance.now() - startedMs < MAX_PATIENCE_MS,
  };
}

/** Asked for while the graph runs, so that its end need not wait for them. */
async function requestFeedback(
  { requestFeedbackUrls }: Deps,
  { run_id, kwargs }: ClaimedRun,
  { abort }: StreamSignals,
): Promise<FeedbackUrls | null> {
  // Runs that an older version has queued have none.
  const keys = kwargs.feedback_keys ?? [];
  if (requestFeedbackUrls === null || keys.length === 0) return null;
  return requestFeedbackUrls(run_id, keys, abort);
}

/** Keeps a run that cannot reach the server's memory from being claimed and handed back without a pause. */
const OUTAGE_PAUSE_MS = 1000;

async function runGraph({ bus, engine }: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Execution> {
  bus.begin({ ...run, isResumable: run.kwargs.stream_resumable });
  try {
    const shareTime = createTimeShare();
    for await (const event of whileNotAborted(engine.streamGraph(run, signals), signals.abort)) {
      bus.append(run.run_id, [event]);
      // Mostly there is nothing to wait for, and to wait for that would cost each token.
      const wait = bus.whenReady() ?? shareTime(event);
      if (wait !== null) await wait;
    }
    // A run that reached its end before the signal reached it has nothing to be interrupted or handed back.
    const stopped = findStop(signals.abort)?.reason ?? null;
    return { failure: null, stopped: stopped !== null && OUTRUN.has(stopped) ? null : stopped };
  } catch (error) {
    return afterError(error, signals);
  }
}

async function afterError(error: unknown, { abort }: StreamSignals): Promise<Execution> {
  if (error instanceof RunDrained) return { failure: null, stopped: "drain" };
  if (error instanceof ResumeRefused) return { failure: toRunFailure(error), stopped: null, isRefused: true };
  const stop = findStop(abort);
  if (stop !== null) return { failure: stop.failure, stopped: stop.reason };
  if (!isMemoryUnavailable(error)) return { failure: toFailure(error), stopped: null };
  // Nothing that the graph did: it goes on from its last checkpoint. Not at once, for that is for who can.
  await sleep(OUTAGE_PAUSE_MS);
  const late = findStop(abort);
  return { failure: late?.failure ?? null, stopped: late?.reason ?? "drain" };
}

/** Writes what the graph has done and what is not written yet, unless it is to be deleted. */
async function saveState({ engine }: Deps, run: ClaimedRun, execution: Execution): Promise<Execution> {
  const { failure, stopped } = execution;
  if (stopped === "rollback" || (run.delete_thread && stopped !== "drain")) return execution;
  try {
    await engine.writeHeldState(run.thread_id);
    return execution;
  } catch (error) {
    if (isDatabaseUnavailable(error)) throw error;
    return failure === null && stopped === null ? { failure: toFailure(error), stopped } : execution;
  }
}

/** What a run that reached its end in time has escaped. */
const OUTRUN: ReadonlySet<StopReason> = new Set(["interrupt", "drain", "timeout"]);

/** A graph that cannot be made is refused with an error of the server, whose cause is what clients should see. */
const toFailure = (error: unknown): RunFailure =>
  toRunFailure(error instanceof DomainError ? (error.cause ?? error) : error);

const findStop = ({ aborted, reason }: AbortSignal): RunStopped | null =>
  aborted && reason instanceof RunStopped ? reason : null;

interface FinalResult extends RunResult {
  /** Null when it could not be read. */
  readonly state: ThreadState | null;
  readonly threadStatus: ThreadOutcome["status"];
}

async function readResult({ engine }: Deps, run: ClaimedRun, execution: Execution): Promise<FinalResult> {
  const { graph_id, config } = run.kwargs;
  const thread = { graph_id, thread_id: run.thread_id, configurable: config.configurable ?? {} };
  let { failure } = execution;
  const { stopped } = execution;
  const state = await engine.readThreadState(thread, { subgraphs: false }).catch((error: unknown) => {
    // Executing the run once more would end in the same way, unless it is the database that is away.
    if (isDatabaseUnavailable(error)) throw error;
    // A graph that failed because it cannot be made cannot tell its state either; the first failure counts.
    failure ??= toFailure(error);
    return null;
  });
  return {
    ...toStatuses(failure, stopped, state),
    values: state?.values ?? null,
    interrupts: state?.interrupts ?? [],
    error: failure,
    state,
  };
}

/** A cancelled run leaves its thread idle, although the graph has a next step, unless it asked something. */
function toStatuses(
  failure: RunFailure | null,
  stopped: StopReason | null,
  state: ThreadState | null,
): Pick<FinalResult, "status" | "threadStatus"> {
  if (stopped === "timeout") return { status: "timeout", threadStatus: "error" };
  if (failure !== null) return { status: "error", threadStatus: "error" };
  const asks = state !== null && state.interrupts.length > 0;
  if (stopped === "interrupt") {
    return { status: "interrupted", threadStatus: asks ? "interrupted" : "idle" };
  }
  const waits = state !== null && state.next.length > 0;
  return waits || asks
    ? { status: "interrupted", threadStatus: "interrupted" }
    : { status: "success", threadStatus: "idle" };
}

/** @returns whether other runs of the thread are waiting; null when the lease was lost and nothing was written */
const writeResult = ({ db, engine }: Deps, run: ClaimedRun, result: FinalResult): Promise<boolean | null> => {
  const { status, threadStatus, state, error } = result;
  return finishRunOnThread(db, run, status, {
    thread_id: run.thread_id,
    status: threadStatus,
    values: state?.values ?? null,
    interrupts: state === null ? {} : interruptsByTask(state),
    error: error === null ? null : { ...error },
    // What comes after this, from a node that goes on, is refused.
    has_checkpoints: !engine.dropHeldState(run),
  });
};

async function rollBack(deps: Deps, run: ClaimedRun): Promise<boolean> {
  await deps.engine.discardHeldState(run);
  const result: RunResult = { status: "interrupted", values: null, interrupts: [], error: null };
  return finishUnchanged(deps, run, result, async (tx) => {
    await deleteCheckpointsOfRun(tx, run.thread_id, run.run_id);
    await deleteRun(tx, run.run_id);
  });
}

/** A resume that was refused fails the run and leaves the thread as it was. */
const refuse = (deps: Deps, run: ClaimedRun, error: RunFailure | null): Promise<boolean> =>
  finishUnchanged(deps, run, { status: "error", values: null, interrupts: [], error }, async () => undefined);

/** Ends a run after which its thread is what it was before it. @returns false when the lease was lost */
async function finishUnchanged(
  deps: Deps,
  run: ClaimedRun,
  result: RunResult,
  undo: (tx: Queryable) => Promise<void>,
): Promise<boolean> {
  const kept = await deps.db.transaction(async (tx) => {
    if (!(await lockThread(tx, run.thread_id))) return false;
    if (!(await finishRun(tx, run, result.status))) return false;
    if (run.delete_thread) {
      await deleteThreadOfRun(tx, run.thread_id);
      await deleteCheckpointsOfThread(tx, run.thread_id);
      return true;
    }
    await undo(tx);
    await updateThreadStatusFromRuns(tx, run.thread_id);
    return true;
  });
  if (!kept) return false;
  if (!run.delete_thread) await refreshThread(deps, run.thread_id, "rollback");
  // There may be another one that waited for it.
  deps.wakeUps.runsPending();
  publishEnd(deps, run, result);
  return true;
}

/** After the commit: whoever hears of the end may look at once, and must find it. */
function publishEnd({ bus }: Deps, run: ClaimedRun, result: RunResult): void {
  if (result.feedback !== undefined) {
    bus.append(run.run_id, [{ event: "feedback", data: JSON.stringify(result.feedback) }]);
  }
  bus.append(run.run_id, [toEndEvent(run.run_id, result)]);
  // Whoever waits for it elsewhere has asked for it, and is told by the bus.
  bus.end(run.run_id, result);
}
