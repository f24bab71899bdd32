import type { LatestOfThread, RunBegan, RunBus, ThreadEntry, ThreadEntryKind } from "../../bus/run-bus.ts";
import type { Caller } from "../../domain/caller.ts";
import { RunEventsDropped, ThreadEventsDropped } from "../../domain/events-dropped.ts";
import type { NewRunEvent } from "../../domain/run.ts";
import {
  compareEntryIds,
  formatPlace,
  type ThreadPlace,
  type ThreadStreamMode,
} from "../../domain/thread-stream.ts";
import type { Database } from "../../persistence/database.ts";
import { listRecentRuns } from "../../persistence/runs.ts";
import { toDroppedEvent } from "../runs/dropped-events.ts";
import { getThread } from "./threads.ts";

interface Deps {
  readonly db: Database;
  readonly bus: RunBus;
}

export interface StreamThreadOptions {
  /** Only what came after this place. Null: what comes from now on; `start`: everything that is kept. */
  readonly after: ThreadPlace | "start" | null;
  readonly modes: readonly ThreadStreamMode[];
  readonly signal: AbortSignal;
}

/** An event of a thread, with the place after it. */
export interface ThreadEvent extends NewRunEvent {
  readonly place: ThreadPlace;
}

type ThreadEvents = AsyncGenerator<readonly ThreadEvent[], void, undefined>;

/**
 * Follows all runs of a thread, whoever creates them, until it is deleted or `signal` aborts. A client that
 * needs what is no longer kept is told so with an error as the last event.
 *
 * @throws DomainError `not_found`
 */
export async function streamThread(
  { db, bus }: Deps,
  caller: Caller,
  threadId: string,
  options: StreamThreadOptions,
): Promise<ThreadEvents> {
  await getThread({ db }, caller, threadId);
  // Looked up before the client hears that it is connected: what it starts then is after this.
  const recentRuns = await listRecentRuns(db, threadId, bus.retentionMs);
  return tellingDropped(readThread(bus, threadId, await bus.findLatest(threadId, recentRuns), options));
}

async function* readThread(
  bus: RunBus,
  threadId: string,
  latest: LatestOfThread,
  { after, modes, signal }: StreamThreadOptions,
): ThreadEvents {
  const from = after === null ? latest.id : after === "start" ? null : after;
  const showsRuns = modes.includes("run_modes");
  const ongoing = after === null && showsRuns ? latest.run : null;
  let followed: string | null = null;

  if (ongoing !== null) {
    followed = ongoing.began.run_id;
    yield* eventsOfRun(ongoing.began, ongoing.seq, signal);
  }
  for await (const entry of bus.followThread(threadId, { from, kinds: toKinds(modes), signal })) {
    if (entry.kind !== "run_began" || !showsRuns) {
      if (!isAt(entry, after)) yield [{ place: { ...entry.id, seq: 0 }, ...toEvent(entry, threadId) }];
    } else if (entry.run_id !== followed) {
      // A later attempt is part of the same stream.
      followed = entry.run_id;
      yield* eventsOfRun(entry, firstOf(entry, { after, latest }), signal);
    }
  }
}

const toKinds = (modes: readonly ThreadStreamMode[]): ThreadEntryKind[] => [
  ...new Set(modes.map((mode) => (mode === "state_update" ? "state" : "runs"))),
];

/** The number after which to begin with a run; null for the oldest event that is kept. */
function firstOf(
  { id }: ThreadEntry,
  { after, latest }: { readonly after: StreamThreadOptions["after"]; readonly latest: LatestOfThread },
): number | null {
  // Who asks for what is kept need not be told that it is not everything.
  if (after === "start") return compareEntryIds(id, latest.id) < 0 ? null : 0;
  return after !== null && compareEntryIds(id, after) === 0 ? after.seq : 0;
}

/** Whether the client has got this entry itself. */
const isAt = ({ id }: ThreadEntry, after: StreamThreadOptions["after"]): boolean =>
  after !== null && after !== "start" && compareEntryIds(id, after) === 0;

async function* eventsOfRun(
  { id, follow }: RunBegan,
  after: number | null,
  signal: AbortSignal,
): ThreadEvents {
  try {
    for await (const batch of follow({ after, signal })) {
      yield batch.map(({ seq, event, data }) => ({ place: { ...id, seq }, event, data }));
    }
  } catch (error) {
    throw error instanceof RunEventsDropped ? new ThreadEventsDropped({ ...id, seq: error.upTo }) : error;
  }
}

async function* tellingDropped(events: ThreadEvents): ThreadEvents {
  try {
    yield* events;
  } catch (error) {
    if (!(error instanceof ThreadEventsDropped)) throw error;
    yield [{ place: error.upTo, ...toDroppedEvent(formatPlace(error.upTo)) }];
  }
}

/** The shapes are those of the hosted server. */
function toEvent(entry: ThreadEntry, thread_id: string): NewRunEvent {
  switch (entry.kind) {
    case "run_began":
      return toMetadata({ run_id: entry.run_id, attempt: entry.attempt });
    case "run_ended":
      return toMetadata({ status: "run_done", run_id: entry.run_id });
    case "state_updated":
      return { event: "state_update", data: JSON.stringify({ state: entry.state, thread_id }) };
  }
}

const toMetadata = (data: object): NewRunEvent => ({ event: "metadata", data: JSON.stringify(data) });
