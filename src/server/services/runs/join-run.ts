import { setTimeout as sleep } from "node:timers/promises";
import { firstSeq, type RunBus } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import {
  hasFailed,
  isFinished,
  type Run,
  type RunEvent,
  type RunResult,
  type StreamMode,
  toBeginning,
} from "../../domain/run.ts";
import type { Database } from "../../persistence/database.ts";
import { findThread } from "../../persistence/threads.ts";
import { tellingDropped } from "./dropped-events.ts";
import { toEndEvent } from "./end-event.ts";
import { getRun } from "./read-runs.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
}

export interface RunRef {
  /** Null finds the run on whatever thread it is. */
  readonly thread_id: string | null;
  readonly run_id: string;
}

export interface JoinOptions {
  /** Only events after this one; 0 means from the beginning. */
  readonly after: number;
  /** Only events of these modes; null means all that the run produces. */
  readonly modes: readonly StreamMode[] | null;
  /**
   * Only events of these graphs, without those of the subgraphs in them; null means all. The graph itself is the
   * empty path. A part of a path that names no task stands for all tasks of its node.
   */
  readonly namespaces: readonly (readonly string[])[] | null;
  readonly signal: AbortSignal;
}

/**
 * Follows a run until it ends or `signal` aborts: events that were, then those that come. A client that needs
 * events that are no longer kept is told so with an error as the last event.
 * Of a run that ended so long ago that its events are forgotten, only the end is told.
 *
 * @throws DomainError `not_found`
 */
export async function joinRun(
  deps: Deps,
  caller: Caller,
  run: RunRef,
  options: JoinOptions,
): Promise<AsyncGenerator<readonly RunEvent[], void, undefined>> {
  const { finished } = await watchRun(deps, caller, run, options.signal);
  if (finished !== null) return onlyEnd(run.run_id, options.after, finished);
  return followEvents(deps, run.run_id, options);
}

/**
 * The same, from the beginning, for a run that the caller has just created. Its first event is told at once, before
 * any worker has a place for it. Its row is not looked for: a short run on a thread of its own may be over, and its
 * row gone, before the statement is there.
 */
export async function* followCreatedRun(
  deps: Pick<Deps, "bus">,
  runId: string,
  options: Omit<JoinOptions, "after">,
): AsyncGenerator<readonly RunEvent[], void, undefined> {
  yield [{ seq: FIRST_SEQ, ...toBeginning(runId, 1) }];
  yield* followEvents(deps, runId, { ...options, after: FIRST_SEQ, isNew: true });
}

/** Number of the first event of every run. */
const FIRST_SEQ = firstSeq(1);

function followEvents(
  { bus }: Pick<Deps, "bus">,
  runId: string,
  { after, modes, namespaces, signal, isNew = false }: JoinOptions & { readonly isNew?: boolean },
): AsyncGenerator<readonly RunEvent[], void, undefined> {
  const events = tellingDropped(bus.follow(runId, { after, signal, isNew }));
  return modes === null && namespaces === null ? events : onlyWanted(events, { modes, namespaces });
}

/**
 * Finds a run to wait for.
 * @returns its end, which comes with its result, or with null when `signal` aborted first
 * @throws DomainError `not_found`
 */
export async function waitForRun(
  deps: Deps,
  caller: Caller,
  run: RunRef,
  signal: AbortSignal,
): Promise<{ readonly ended: Promise<RunResult | null> }> {
  const { ended, finished } = await watchRun(deps, caller, run, signal);
  return { ended: finished === null ? ended : Promise.resolve(finished) };
}

/** The same for a run that the caller has just created, for the reason given at `followCreatedRun`. */
export const waitForCreatedRun = (
  { bus }: Pick<Deps, "bus">,
  runId: string,
  signal: AbortSignal,
): Promise<RunResult | null> => bus.waitForEnd(runId, signal, true);

interface Watch {
  readonly ended: Promise<RunResult | null>;
  /** The result of a run that the bus has forgotten; null while the bus can tell. */
  readonly finished: RunResult | null;
}

/**
 * Watches a run until it ends or `signal` aborts. It begins before the row is read: an end that another
 * server announces meanwhile is only looked at for runs that are watched.
 */
async function watchRun(
  { db, bus }: Deps,
  caller: Caller,
  { thread_id, run_id }: RunRef,
  signal: AbortSignal,
): Promise<Watch> {
  const given = new AbortController();
  const ended = bus.waitForEnd(run_id, AbortSignal.any([signal, given.signal]));
  try {
    const run = await getRun({ db }, caller, thread_id, run_id);
    if (!isFinished(run.status) || (await isTold(bus, run, ended))) return { ended, finished: null };
    const status = run.status as RunResult["status"];
    const finished = await readFinishedResult(db, caller, run.thread_id, status);
    given.abort();
    return { ended, finished };
  } catch (error) {
    given.abort();
    throw error;
  }
}

/**
 * Whether the bus knows how a finished run ended. Its rows say so a moment before its process tells, and a process
 * tells another one only when it is asked, which it is by waiting for the end.
 */
async function isTold(
  bus: RunBus,
  { run_id, updated_at }: Run,
  ended: Promise<RunResult | null>,
): Promise<boolean> {
  // The clock of the database may be another one.
  const ageMs = Date.now() - updated_at.getTime();
  const patienceMs = ageMs < RECENT_MS ? TELLING_MS : ageMs < bus.retentionMs ? ANSWER_MS : 0;
  const over = new AbortController();
  const timer = sleep(patienceMs, undefined, { signal: over.signal }).catch(() => undefined); // no longer needed
  await Promise.race([ended, timer]);
  over.abort();
  return (await bus.findResult(run_id)) !== null;
}

/** Ended so recently, a run may be one whose end is still to be told. */
const RECENT_MS = 5000;

/** How long the process of a run may take to tell its end, and how long one that has told it, to tell it elsewhere. */
const TELLING_MS = 1000;
const ANSWER_MS = 600;

/** What the rows still know of a finished run: its status, and the thread as it is now. */
async function readFinishedResult(
  db: Database,
  caller: Caller,
  threadId: string,
  status: RunResult["status"],
): Promise<RunResult> {
  const thread = await findThread(db, caller.identity, threadId);
  const failure = thread?.error as RunResult["error"] | undefined;
  return {
    status,
    values: thread?.values ?? null,
    interrupts: Object.values(thread?.interrupts ?? {}).flat(),
    error: hasFailed(status) ? (failure ?? { error: "Error", message: "The run failed" }) : null,
  };
}

async function* onlyEnd(runId: string, after: number, result: RunResult) {
  const told = after === 0 ? [{ seq: FIRST_SEQ, ...toBeginning(runId, 1) }] : [];
  yield [...told, { seq: after + 1 + told.length, ...toEndEvent(runId, result) }];
}

/** Events of the run itself, such as its end, always pass. */
const UNCONDITIONAL = new Set(["metadata", "feedback", "error", "end"]);

async function* onlyWanted(
  batches: AsyncGenerator<readonly RunEvent[], void, undefined>,
  { modes, namespaces }: Pick<JoinOptions, "modes" | "namespaces">,
): AsyncGenerator<readonly RunEvent[], void, undefined> {
  const names =
    modes && new Set<string>(modes.map((mode) => (mode === "messages-tuple" ? "messages" : mode)));
  const isWanted = ({ event }: RunEvent) => {
    // `updates|child:1f…` is of mode updates in the subgraph child, `messages/partial` of mode messages.
    const [label = event, ...namespace] = event.split("|");
    const [name = label] = label.split("/");
    if (UNCONDITIONAL.has(name)) return true;
    if (names !== null && !names.has(name)) return false;
    return namespaces === null || namespaces.some((wanted) => isNamespace(namespace, wanted));
  };
  for await (const batch of batches) {
    const wanted = batch.filter(isWanted);
    if (wanted.length > 0) yield wanted;
  }
}

const isNamespace = (namespace: readonly string[], wanted: readonly string[]): boolean =>
  namespace.length === wanted.length &&
  wanted.every((part, index) => part === namespace[index] || part === namespace[index]?.split(":")[0]);
