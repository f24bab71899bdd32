import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { runInContainer } from "../containers.ts";
import type { DockerEngine } from "../engine.ts";
import { APP_PORT, POSTGRES_PROBE, REDIS_PROBE } from "./stack-plan.ts";

export interface Probed {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** Where an api can be asked; null asks it within its container. */
  readonly url: string | null;
}

export interface WaitOptions {
  /** Aborted when the time is up, or the user wants no more; the reason is thrown. */
  readonly signal: AbortSignal;
}

const POLL_MS = 100;
const ANSWER_MS = 2_000;
/** One may be bad luck. */
const CRASHES = 2;

/** Waiting has no point any more: what is wrong is in the container. */
export class NotReadyError extends Error {
  override readonly name = "NotReadyError";
}

/**
 * Waits until a container can be used. The engine's own checks come every ten seconds at best, and on Podman without
 * systemd never: so it is asked here.
 *
 * @throws NotReadyError when it has ended, keeps crashing or is unhealthy; the signal's reason
 */
export async function waitUntilReady(
  docker: DockerEngine,
  probed: Probed,
  { signal }: WaitOptions,
): Promise<void> {
  const container = docker.getContainer(probed.id);
  const { RestartCount: before } = await container.inspect();
  for (;;) {
    signal.throwIfAborted();
    const found = await container.inspect();
    if (isHopeless(found, probed, before)) throw new NotReadyError(`${probed.name} is not well`);
    if (isDone(found, probed) || (found.State.Running && (await isReady(docker, probed)))) return;
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** Run once, and with success. */
const isDone = ({ State: state }: Docker.ContainerInspectInfo, { service }: Probed): boolean =>
  service === "migrate" && state.Status === "exited" && state.ExitCode === 0;

function isHopeless(
  { State: state, RestartCount: restarts }: Docker.ContainerInspectInfo,
  { service }: Probed,
  restartsBefore: number,
): boolean {
  const hasEnded = state.Status === "exited" || state.Status === "dead";
  if (hasEnded) return service !== "migrate" || state.ExitCode !== 0;
  return restarts - restartsBefore >= CRASHES || (state.Running && state.Health?.Status === "unhealthy");
}

async function isReady(docker: DockerEngine, { id, service, url }: Probed): Promise<boolean> {
  if (url !== null) return answers(`${url}/ready`);
  const command = COMMANDS[service];
  if (command === undefined) return service !== "migrate";
  try {
    return (await runInContainer(docker, id, command)).exitCode === 0;
  } catch {
    // It has ended in between; its state tells the rest.
    return false;
  }
}

const ASK_WITHIN = [
  "node",
  "-e",
  `fetch("http://127.0.0.1:${APP_PORT}/ready",{signal:AbortSignal.timeout(${ANSWER_MS})}).then(r=>process.exit(r.ok?0:1),()=>process.exit(1))`,
];

const COMMANDS: Readonly<Record<string, readonly string[]>> = {
  postgres: POSTGRES_PROBE,
  redis: REDIS_PROBE,
  api: ASK_WITHIN,
  worker: ASK_WITHIN,
};

async function answers(url: string): Promise<boolean> {
  try {
    const { request } = await import("undici");
    const { statusCode, body } = await request(url, { signal: AbortSignal.timeout(ANSWER_MS) });
    await body.dump();
    return statusCode === 200;
  } catch {
    // Nothing listens yet, or what listens says nothing.
    return false;
  }
}
