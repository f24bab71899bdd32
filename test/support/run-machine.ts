import { randomUUID } from "node:crypto";
import { createMemoryBus } from "../../src/server/bus/memory-bus.ts";
import type { Caller } from "../../src/server/domain/caller.ts";
import type { ThreadState } from "../../src/server/domain/checkpoint.ts";
import { DomainError } from "../../src/server/domain/errors.ts";
import {
  type CancelAction,
  type ClaimedRun,
  type MultitaskStrategy,
  type NewRunEvent,
  RunDrained,
  RunStopped,
} from "../../src/server/domain/run.ts";
import type { Engine } from "../../src/server/engine/engine.ts";
import type { StreamSignals } from "../../src/server/engine/stream-graph.ts";
import type { Database } from "../../src/server/persistence/database.ts";
import { claimRuns, renewLeases } from "../../src/server/persistence/leases.ts";
import { createQueueCounters } from "../../src/server/services/queue-events.ts";
import { cancelRun } from "../../src/server/services/runs/cancel-run.ts";
import { createRun, type RunCreate } from "../../src/server/services/runs/create-run.ts";
import { executeRun } from "../../src/server/services/runs/execute-run.ts";
import { recoverExpiredRuns } from "../../src/server/services/runs/recover-expired-runs.ts";
import { deleteThreadIfThere } from "../../src/server/services/threads/threads.ts";
import { OWNER } from "./runs.ts";

const CALLER: Caller = { identity: OWNER };
const LEASE_MS = 60_000;
/** Less than a test can make of expired leases, so that runs are given up too. */
export const MAX_RETRIES = 1;

const STATE: ThreadState = {
  values: {},
  next: [],
  tasks: [],
  metadata: {},
  created_at: null,
  checkpoint: null,
  parent_checkpoint: null,
  interrupts: [],
};

/** Graphs that do nothing: what is looked at is what becomes of their runs. */
const IDLE_ENGINE = {
  graphs: [],
  requireGraph: () => undefined,
  requireNodes: async () => undefined,
  readThreadState: async () => STATE,
  async *streamGraph(_run: ClaimedRun, { abort, drain }: StreamSignals): AsyncGenerator<NewRunEvent> {
    yield { event: "metadata", data: "{}" };
    abort.throwIfAborted();
    if (drain.aborted) throw new RunDrained();
  },
  writeHeldState: async () => undefined,
  discardHeldState: async () => undefined,
  dropHeldState: () => true,
} as unknown as Engine;

/** Something that happens to runs. Numbers choose among what is there at that moment. */
export type Happening =
  | { readonly type: "create"; readonly thread: number; readonly strategy: MultitaskStrategy }
  | { readonly type: "create_stateless" }
  | { readonly type: "claim"; readonly worker: number; readonly limit: number }
  | { readonly type: "end" | "hand_back" | "expire"; readonly claim: number }
  | { readonly type: "cancel"; readonly run: number; readonly action: CancelAction }
  | { readonly type: "recover" }
  | { readonly type: "delete_thread"; readonly thread: number };

/** What was done, for a test to judge. */
export interface History {
  readonly threads: string[];
  readonly runs: string[];
  /** Every claim that was made, also of those that have been lost since. */
  readonly claims: ClaimedRun[];
  /** Of every claim that came to its end, what became of it. */
  readonly outcomes: { readonly claim: ClaimedRun; readonly outcome: string }[];
}

/** The services of runs, on a real database, without a server and with graphs that do nothing. */
export function createRunMachine(db: Database, assistantId: string) {
  const bus = createMemoryBus({
    retentionMs: 0,
    maxRunBytes: 1e6,
    maxRunningBytes: 1e6,
    maxRetainedBytes: 1e6,
  });
  const deps = {
    db,
    bus,
    engine: IDLE_ENGINE,
    requestFeedbackUrls: null,
    queueCounters: createQueueCounters(),
    wakeUps: { runsPending() {}, cancelRequested() {}, runsEnded() {} },
  };
  const history: History = { threads: [], runs: [], claims: [], outcomes: [] };

  const create = async (thread_id: string | null, multitask_strategy: MultitaskStrategy) => {
    const run = await createRun(deps, CALLER, {
      ...RUN,
      assistant_id: assistantId,
      thread_id,
      multitask_strategy,
    });
    history.runs.push(run.run_id);
  };

  /** As its worker would: it knows of a cancel what the last renewal has told it. */
  const finish = async (claim: ClaimedRun, drains: boolean) => {
    const kept = await renewLeases(db, claim.worker_id, { leaseMs: LEASE_MS, maxAgeMs: LEASE_MS });
    const asked = kept.find(({ run_id }) => run_id === claim.run_id)?.cancel_requested ?? null;
    const abort = new AbortController();
    if (asked !== null) abort.abort(new RunStopped(asked));
    const drain = new AbortController();
    if (drains) drain.abort();
    const outcome = await executeRun(deps, claim, { abort: abort.signal, drain: drain.signal });
    history.outcomes.push({ claim, outcome });
  };

  const make = async (happening: Happening): Promise<unknown> => {
    const { threads, runs, claims } = history;
    switch (happening.type) {
      case "create":
        return create(pick(threads, happening.thread) ?? null, happening.strategy);
      case "create_stateless":
        return create(null, "enqueue");
      case "claim": {
        const workerId = `worker ${happening.worker}`;
        return claims.push(...(await claimRuns(db, { workerId, leaseMs: LEASE_MS, limit: happening.limit })));
      }
      case "end":
      case "hand_back": {
        const claim = pick(claims, happening.claim);
        return claim && finish(claim, happening.type === "hand_back");
      }
      case "expire": {
        const claim = pick(claims, happening.claim);
        return db.query(
          `update runs set lease_expires_at = now() - interval '1 second'
            where run_id = $1 and attempt = $2 and status = 'running'`,
          [claim?.run_id, claim?.attempt],
        );
      }
      case "cancel": {
        const run_id = pick(runs, happening.run);
        const { action } = happening;
        return run_id && cancelRun(deps, CALLER, { thread_id: null, run_id, action, reason: "requested" });
      }
      case "recover":
        return recoverExpiredRuns(deps, { maxRetries: MAX_RETRIES, timeoutMs: LEASE_MS });
      case "delete_thread": {
        const thread = pick(threads, happening.thread);
        return thread && deleteThreadIfThere(deps, CALLER, thread);
      }
    }
  };

  return {
    history,
    /** What a client may be refused is no failure. */
    async make(happening: Happening): Promise<void> {
      await make(happening).catch((error: unknown) => {
        if (!(error instanceof DomainError)) throw error;
      });
    },
    [Symbol.dispose]: () => bus[Symbol.dispose](),
  };
}

const pick = <T>(items: readonly T[], index: number): T | undefined => items[index % items.length];

const RUN: Omit<RunCreate, "assistant_id" | "thread_id" | "multitask_strategy"> = {
  input: null,
  command: null,
  config: {},
  context: null,
  metadata: {},
  checkpoint: {},
  if_not_exists: "create",
  after_seconds: 0,
  on_completion: "delete",
  stream_mode: ["values"],
  stream_subgraphs: false,
  stream_resumable: false,
  interrupt_before: null,
  interrupt_after: null,
  durability: "async",
  strict_resume: false,
  feedback_keys: [],
  langsmith_tracer: null,
};

/** Ids of threads that need not be there yet. */
export const threadIds = (count: number): string[] => Array.from({ length: count }, () => randomUUID());
