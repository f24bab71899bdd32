import { setTimeout as sleep } from "node:timers/promises";
import { type ContainerEvent, openContainerEvents } from "./container-events.ts";
import { type ContainerFollower, followContainer, isConnectionError } from "./follow-container.ts";
import { createLogCursor, type LogCursor } from "./log-cursor.ts";
import type { LogSink } from "./log-event.ts";
import { type ContainerSelection, listProjectContainers } from "./project-containers.ts";
import { type HistoryRequest, tellHistory } from "./read-history.ts";

export interface FollowRequest extends HistoryRequest {
  readonly selection: ContainerSelection;
  /** Whether to end when none of the containers runs any more. */
  readonly exitOnStop: boolean;
}

interface Following extends FollowRequest {
  readonly sink: LogSink;
  readonly followers: Map<string, ContainerFollower>;
  /** Called when there is nothing left to follow, or with the reason why it cannot go on. */
  readonly end: (failure: unknown) => void;
}

/** Between two attempts to reach an engine that has gone away; the last one is kept to. */
const RECONNECT_MS = [200, 500, 1_000, 2_000, 5_000] as const;

/**
 * Tells what containers have written, and then what they write: across their restarts, with those that come later,
 * and across restarts of the engine, each line once.
 *
 * @returns when the signal is aborted, or with `exitOnStop` when nothing runs any more
 */
export async function followLogs(request: FollowRequest, sink: LogSink): Promise<void> {
  const done = new AbortController();
  const failures: unknown[] = [];
  const end = (failure: unknown) => {
    if (failure !== null) failures.push(failure);
    done.abort();
  };
  const following = { ...(await withoutHistory(request)), sink, followers: new Map(), end };
  const stop = AbortSignal.any([request.signal, done.signal]);
  let hasHistory = false;
  for (let attempt = 0; !stop.aborted; ) {
    const connection = new AbortController();
    const signal = AbortSignal.any([stop, connection.signal]);
    try {
      await followUntilLost(following, signal, hasHistory, () => {
        hasHistory = true;
        attempt = 0;
      });
    } catch (error) {
      if (stop.aborted) break;
      // Before all of the past is told, it could not be told where to go on.
      if (!isConnectionError(error) || !hasHistory) throw error;
      if (attempt === 0) await sink.tell({ kind: "disconnected", reason: (error as Error).message });
      const waitMs = RECONNECT_MS[Math.min(attempt, RECONNECT_MS.length - 1)];
      await sleep(waitMs, undefined, { signal: stop }).catch(() => undefined);
      attempt += 1;
    } finally {
      connection.abort();
      await Promise.all([...following.followers.values()].map((follower) => follower.settled()));
    }
  }
  if (failures.length > 0) throw failures[0];
}

/** Without any of the past, what counts is the engine's clock. */
async function withoutHistory(request: FollowRequest): Promise<FollowRequest> {
  if (request.query.tail !== 0) return request;
  const { SystemTime: now } = (await request.docker.info()) as { readonly SystemTime?: string };
  const since = ((now === undefined ? Date.now() : Date.parse(now)) / 1000).toFixed(9);
  return { ...request, query: { ...request.query, since } };
}

async function followUntilLost(
  following: Following,
  signal: AbortSignal,
  isBack: boolean,
  onConnected: () => void,
): Promise<void> {
  const { docker, selection, followers, sink, query, end, exitOnStop } = following;
  // Before the list, so that no start is missed between the two.
  const events = await openContainerEvents(docker, selection.project, signal);
  const containers = await listProjectContainers(docker, selection);
  if (isBack) await sink.tell({ kind: "reconnected" });
  else if (containers.length === 0) await sink.tell({ kind: "waiting" });
  const hasPast = !isBack && query.tail !== 0;
  const cursors = hasPast ? await tellHistory({ ...following, signal }, containers, sink) : null;
  onConnected();
  for (const container of containers) {
    const known = followers.get(container.id);
    const follower = known ?? addFollower(following, container, cursors?.get(container.id));
    if (container.running) follower.read(signal);
    else if (isBack && known?.isRunning() !== false) follower.readToItsEnd(signal);
  }
  if (exitOnStop && !isBack && !containers.some(({ running }) => running)) return end(null);
  for await (const event of events) await route(following, event, signal);
  throw Object.assign(new Error("it has ended the connection"), { code: "ECONNRESET" });
}

function addFollower(
  { docker, query, followers, sink, exitOnStop, end }: Following,
  container: ContainerFollower["container"],
  cursor: LogCursor = createLogCursor(),
): ContainerFollower {
  const onStopped = () => {
    const isOver = ![...followers.values()].some((follower) => follower.isRunning());
    if (exitOnStop && isOver) end(null);
  };
  const options = { docker, query, container, cursor, sink, onStopped, onFailed: end };
  const follower = followContainer(options);
  followers.set(container.id, follower);
  return follower;
}

async function route(following: Following, event: ContainerEvent, signal: AbortSignal): Promise<void> {
  const { docker, selection, followers } = following;
  let follower = followers.get(event.id);
  if (follower === undefined && event.action === "start") {
    const [container] = await listProjectContainers(docker, selection, event.id);
    if (container !== undefined) follower = addFollower(following, container);
  }
  follower?.handle(event, signal);
  if (event.action === "destroy") followers.delete(event.id);
}
