import type { RunBus } from "../bus/run-bus.ts";
import type { Engine } from "../engine/engine.ts";
import type { Database } from "../persistence/database.ts";
import { getAssistantSchemas, getAssistantSubgraphs } from "./assistant-schemas.ts";
import * as assistants from "./assistants.ts";
import { deleteAssistant } from "./delete-assistant.ts";
import type { QueueCounters } from "./queue-events.ts";
import { readQueue } from "./read-queue.ts";
import { cancelRun, cancelRunAndWait, cancelRuns } from "./runs/cancel-run.ts";
import { createRunsOnce, sweepIdempotencyKeys } from "./runs/create-runs-once.ts";
import { executeRun } from "./runs/execute-run.ts";
import type { RequestFeedbackUrls } from "./runs/feedback-urls.ts";
import { followCreatedRun, joinRun, waitForCreatedRun, waitForRun } from "./runs/join-run.ts";
import { deleteRun, getRun, listRuns } from "./runs/read-runs.ts";
import { recoverExpiredRuns } from "./runs/recover-expired-runs.ts";
import { settleWatchedRuns } from "./runs/settle-watched-runs.ts";
import { sweepEphemeralThreads } from "./runs/sweep-ephemeral-threads.ts";
import * as store from "./store.ts";
import { copyThread } from "./threads/copy-thread.ts";
import { createThread } from "./threads/create-thread.ts";
import { pruneThreads } from "./threads/prune-threads.ts";
import { settleWatchedThreads } from "./threads/settle-watched-threads.ts";
import { streamThread } from "./threads/stream-thread.ts";
import * as threadState from "./threads/thread-state.ts";
import * as threads from "./threads/threads.ts";
import type { WakeUps } from "./wake-ups.ts";

export interface ServiceDeps {
  readonly db: Database;
  readonly bus: RunBus;
  readonly engine: Engine;
  readonly wakeUps: WakeUps;
  readonly storeTtl: store.StoreTtl | null;
  readonly queueCounters: QueueCounters;
  /** How long an `Idempotency-Key` is remembered. */
  readonly idempotencyTtlMs: number;
  /** Null without a LangSmith to ask. */
  readonly requestFeedbackUrls: RequestFeedbackUrls | null;
}

/** Every use-case with its dependencies already applied. Routes and jobs see only this. */
export function bindServices(deps: ServiceDeps) {
  const bind =
    <A extends unknown[], R>(useCase: (deps: ServiceDeps, ...args: A) => R) =>
    (...args: A): R =>
      useCase(deps, ...args);

  return {
    countAssistants: bind(assistants.countAssistants),
    createAssistant: bind(assistants.createAssistant),
    deleteAssistant: bind(deleteAssistant),
    drawAssistant: bind(assistants.drawAssistant),
    ensureDefaultAssistants: bind(assistants.ensureDefaultAssistants),
    getAssistant: bind(assistants.getAssistant),
    getAssistantSchemas: bind(getAssistantSchemas),
    getAssistantSubgraphs: bind(getAssistantSubgraphs),
    listAssistantVersions: bind(assistants.listAssistantVersions),
    searchAssistants: bind(assistants.searchAssistants),
    setLatestAssistantVersion: bind(assistants.setLatestAssistantVersion),
    updateAssistant: bind(assistants.updateAssistant),

    countThreads: bind(threads.countThreads),
    copyThread: bind(copyThread),
    createThread: bind(createThread),
    deleteThread: bind(threads.deleteThread),
    getThread: bind(threads.getThread),
    getThreadWithTtl: bind(threads.getThreadWithTtl),
    pruneThreads: bind(pruneThreads),
    searchThreads: bind(threads.searchThreads),
    settleWatchedThreads: bind(settleWatchedThreads),
    streamThread: bind(streamThread),
    updateThread: bind(threads.updateThread),

    getThreadHistory: bind(threadState.getThreadHistory),
    getThreadState: bind(threadState.getThreadState),
    patchThreadState: bind(threadState.patchThreadState),
    updateThreadState: bind(threadState.updateThreadState),

    cancelRun: bind(cancelRun),
    cancelRunAndWait: bind(cancelRunAndWait),
    cancelRuns: bind(cancelRuns),
    createRunsOnce: bind(createRunsOnce),
    deleteRun: bind(deleteRun),
    executeRun: bind(executeRun),
    followCreatedRun: bind(followCreatedRun),
    getRun: bind(getRun),
    joinRun: bind(joinRun),
    listRuns: bind(listRuns),
    readQueue: bind(readQueue),
    recoverExpiredRuns: bind(recoverExpiredRuns),
    settleWatchedRuns: bind(settleWatchedRuns),
    sweepEphemeralThreads: bind(sweepEphemeralThreads),
    sweepIdempotencyKeys: bind(sweepIdempotencyKeys),
    waitForCreatedRun: bind(waitForCreatedRun),
    waitForRun: bind(waitForRun),

    deleteItem: bind(store.deleteItem),
    getItem: bind(store.getItem),
    listNamespaces: bind(store.listNamespaces),
    putItem: bind(store.putItem),
    searchItems: bind(store.searchItems),
  };
}

export type Services = ReturnType<typeof bindServices>;
