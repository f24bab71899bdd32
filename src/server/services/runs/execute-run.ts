import type { RunBus } from "../../bus/run-bus.ts";
import type { ThreadState } from "../../domain/checkpoint.ts";
import { DomainError } from "../../domain/errors.ts";
import {
  type ClaimedRun,
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
import {
  deleteCheckpointsOfMissingThread,
  deleteCheckpointsOfRun,
  deleteCheckpointsOfThread,
} from "../../persistence/checkpoints.ts";
import { type Database, isDatabaseUnavailable, type Queryable } from "../../persistence/database.ts";
import { finishRun, handBackRun } from "../../persistence/leases.ts";
import { deleteRun } from "../../persistence/runs.ts";
import {
  deleteThreadOfRun,
  lockThread,
  updateThreadOutcome,
  updateThreadStatusFromRuns,
} from "../../persistence/threads.ts";
import { refreshThread } from "../threads/refresh-thread.ts";
import type { WakeUps } from "../wake-ups.ts";
import { toEndEvent } from "./end-event.ts";
import { whileNotAborted } from "./while-not-aborted.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
}

/** How an execution went: by itself, or why it stopped. */
interface Execution {
  readonly failure: RunFailure | null;
  readonly stopped: StopReason | null;
}

type Outcome = RunResult["status"] | "handed_back" | "rolled_back" | "lost";

/**
 * Runs a claimed run to its end: graph events go to the bus, the outcome to the rows of run and thread.
 * A run that is to be handed back returns to the queue; one whose lease is lost is left to its new owner.
 *
 * @returns what became of it; `lost` means that nothing was written to its rows
 */
export async function executeRun(deps: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Outcome> {
  const { db, bus, wakeUps } = deps;
  try {
    const outcome = await execute(deps, run, signals);
    // If it was lost with its thread, the graph may have written to that since.
    if (outcome === "lost") await deleteCheckpointsOfMissingThread(db, run.thread_id);
    return outcome;
  } finally {
    bus.release(run.run_id);
    // Its end, if that has come from elsewhere, was not looked at before.
    if (bus.isWatched(run.run_id)) wakeUps.runsEnded([run.run_id]);
  }
}

async function execute(deps: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Outcome> {
  const { failure, stopped } = await runGraph(deps, run, signals);
  if (stopped === "lease_lost") return "lost";
  if (stopped === "drain") {
    if (!(await handBackRun(deps.db, run))) return "lost";
    deps.wakeUps.runsPending();
    return "handed_back";
  }
  if (stopped === "rollback") return (await rollBack(deps, run)) ? "rolled_back" : "lost";

  const result = await readResult(deps, run, { failure, stopped });
  const kept = await deps.db.transaction((tx) => writeResult(tx, run, result));
  if (!kept) return "lost";
  publishEnd(deps, run, result);
  return result.status;
}

async function runGraph({ bus, engine }: Deps, run: ClaimedRun, signals: StreamSignals): Promise<Execution> {
  bus.begin(run.run_id, run.attempt);
  try {
    for await (const event of whileNotAborted(engine.streamGraph(run, signals), signals.abort)) {
      bus.append(run.run_id, [event]);
    }
    // A run that reached its end before the signal reached it has nothing to be interrupted or handed back.
    const stopped = stopReason(signals.abort);
    return { failure: null, stopped: stopped === "interrupt" || stopped === "drain" ? null : stopped };
  } catch (error) {
    if (error instanceof RunDrained) return { failure: null, stopped: "drain" };
    const stopped = stopReason(signals.abort);
    return { failure: stopped === null ? toFailure(error) : null, stopped };
  }
}

/** A graph that cannot be made is refused with an error of the server, whose cause is what clients should see. */
const toFailure = (error: unknown): RunFailure =>
  toRunFailure(error instanceof DomainError ? (error.cause ?? error) : error);

const stopReason = ({ aborted, reason }: AbortSignal): StopReason | null =>
  aborted && reason instanceof RunStopped ? reason.reason : null;

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

/** @returns false when the lease was lost and nothing was written */
async function writeResult(tx: Queryable, run: ClaimedRun, result: FinalResult): Promise<boolean> {
  const { status, threadStatus, state, error } = result;
  // Without its thread, the run's row is gone too.
  if (!(await lockThread(tx, run.thread_id))) return false;
  if (!(await finishRun(tx, run, status))) return false;
  if (run.delete_thread) {
    await deleteThreadOfRun(tx, run.thread_id);
    await deleteCheckpointsOfThread(tx, run.thread_id);
    return true;
  }
  await updateThreadOutcome(tx, run.thread_id, {
    status: threadStatus,
    values: state?.values ?? null,
    interrupts: state === null ? {} : interruptsByTask(state),
    error: error === null ? null : { ...error },
  });
  return true;
}

async function rollBack(deps: Deps, run: ClaimedRun): Promise<boolean> {
  const kept = await deps.db.transaction(async (tx) => {
    if (!(await lockThread(tx, run.thread_id))) return false;
    if (!(await finishRun(tx, run, "interrupted"))) return false;
    if (run.delete_thread) {
      await deleteThreadOfRun(tx, run.thread_id);
      await deleteCheckpointsOfThread(tx, run.thread_id);
      return true;
    }
    await deleteCheckpointsOfRun(tx, run.thread_id, run.run_id);
    await deleteRun(tx, run.run_id);
    await updateThreadStatusFromRuns(tx, run.thread_id);
    return true;
  });
  if (!kept) return false;
  if (!run.delete_thread) await refreshThread(deps, run.thread_id, "rollback");
  publishEnd(deps, run, { status: "interrupted", values: null, interrupts: [], error: null });
  return true;
}

/** After the commit: whoever hears of the end may look at once, and must find it. */
function publishEnd({ bus, wakeUps }: Deps, run: ClaimedRun, result: RunResult): void {
  bus.append(run.run_id, [toEndEvent(run.run_id, result)]);
  bus.end(run.run_id, result);
  wakeUps.runsEnded([run.run_id]);
}
