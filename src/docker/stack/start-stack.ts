import { createContainer, removeContainer, startContainer } from "../containers.ts";
import type { DockerEngine } from "../engine.ts";
import { hasStatus, toReason } from "../errors.ts";
import { diagnose } from "./diagnose.ts";
import { StackError } from "./errors.ts";
import { ofProject } from "./labels.ts";
import { listStack, type StackContainer } from "./list-stack.ts";
import { isPortTaken, refusePort } from "./ports.ts";
import type { PlannedContainer, StackPlan } from "./stack-plan.ts";

/** What was done about a container so that it is as planned. */
export type Action = "unchanged" | "started" | "created" | "recreated";

export interface PrepareOptions {
  /** Whether to remove containers of the project that the plan has not. */
  readonly removesOthers: boolean;
}

/**
 * Makes the network and the volumes, where they are missing.
 *
 * @returns the containers that are there already
 */
export async function prepareStack(
  docker: DockerEngine,
  plan: StackPlan,
  { removesOthers }: PrepareOptions,
): Promise<StackContainer[]> {
  await ensureNetwork(docker, plan);
  const present = await listVolumes(docker, plan.project);
  for (const { name, labels } of plan.volumes) {
    if (!present.includes(name)) await docker.createVolume({ Name: name, Labels: labels });
  }
  const found = await listStack(docker, plan.project);
  const planned = plan.waves.flat().map(({ name }) => name);
  const others = found.filter(({ name }) => !planned.includes(name));
  if (removesOthers) {
    await Promise.all(others.map(({ id }) => removeContainer(docker, id, GRACE_S)));
  }
  return found.filter((container) => !others.includes(container));
}

const GRACE_S = 30;

async function ensureNetwork(docker: DockerEngine, { project, network }: StackPlan): Promise<void> {
  const found = await docker.listNetworks({ filters: ofProject(project) });
  if (found.some(({ Name: name }) => name === network.name)) return;
  try {
    await docker.createNetwork({
      Name: network.name,
      // Before Docker 25 there may be several of one name, and then none can be used by it.
      CheckDuplicate: true,
      Driver: "bridge",
      Labels: network.labels,
    } as Parameters<DockerEngine["createNetwork"]>[0]);
  } catch (error) {
    // Another command has made it meanwhile; Podman has another code for it.
    if (!hasStatus(error, 409) && !/already/.test((error as Error).message)) throw error;
  }
}

export async function listVolumes(docker: DockerEngine, project: string): Promise<string[]> {
  const { Volumes: volumes } = await docker.listVolumes({ filters: ofProject(project) });
  return (volumes ?? []).map(({ Name: name }) => name);
}

export interface StartOptions {
  /** Those that are there already. */
  readonly present: readonly StackContainer[];
  /** Whether to replace it although nothing has changed. */
  readonly recreates: boolean;
}

/**
 * Makes one container what the plan says, and starts it.
 *
 * @throws StackError when a port of it is taken, or its image has not what it starts
 */
export async function startPlanned(
  docker: DockerEngine,
  planned: PlannedContainer,
  { present, recreates }: StartOptions,
): Promise<{ readonly id: string; readonly action: Action }> {
  const found = present.find(({ name }) => name === planned.name);
  if (found !== undefined && !recreates && found.configHash === planned.hash) {
    if (isDone(found)) return { id: found.id, action: "unchanged" };
    // One that keeps crashing waits longer each time; a new one begins at once, and with an empty log.
    if (found.state === "exited" && found.service !== "migrate") {
      await start(docker, planned, found.id);
      return { id: found.id, action: "started" };
    }
  }
  if (found !== undefined) await removeContainer(docker, found.id, GRACE_S);
  const id = await createContainer(docker, {
    name: planned.name,
    labels: planned.labels,
    body: planned.body,
  });
  await start(docker, planned, id);
  return { id, action: found === undefined ? "created" : "recreated" };
}

/** Running, or, for what is run once, done. */
const isDone = ({ service, state, exitCode }: StackContainer): boolean =>
  service === "migrate" ? state === "exited" && exitCode === 0 : state === "running";

async function start(docker: DockerEngine, { name, ports }: PlannedContainer, id: string): Promise<void> {
  try {
    await startContainer(docker, id);
  } catch (error) {
    if (!(error instanceof Error) || !("statusCode" in error)) throw error;
    if (isPortTaken(error)) {
      // It never ran, and would be in the way of the next attempt.
      await removeContainer(docker, id, 0);
      const said = /:(\d{1,5})(?=\D*$)/.exec(toReason(error).replace(/: bind: .*| failed: .*/, ""));
      await refusePort(docker, Number(said?.[1] ?? ports[0]), error);
    }
    const found = await diagnose(docker, id, { lines: 0, secrets: [] });
    throw new StackError(`The container ${name} ${found.cause}.`, {
      code: "CONTAINER_FAILED",
      containers: [found],
      suggestions: found.hint === null ? [] : [found.hint],
      cause: error,
    });
  }
}
