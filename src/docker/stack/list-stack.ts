import type Docker from "dockerode";
import type { DockerEngine } from "../engine.ts";
import { hasStatus } from "../errors.ts";
import { LABEL, ofProject } from "./labels.ts";
import { SERVICES } from "./stack-plan.ts";

/** A port of a container that is reachable from outside of the stack. */
export interface PublishedPort {
  readonly host: string;
  readonly hostPort: number;
  readonly port: number;
}

/** One container of a stack, as it is at the moment. */
export interface StackContainer {
  readonly service: string;
  readonly index: number;
  readonly name: string;
  readonly id: string;
  readonly image: string;
  /** `created`, `running`, `restarting`, `exited`, … */
  readonly state: string;
  /** Null when the container has no check, or does not run. */
  readonly health: "starting" | "healthy" | "unhealthy" | null;
  /** Null while it runs. */
  readonly exitCode: number | null;
  /** Whether it was ended for want of memory. */
  readonly oom: boolean;
  readonly restarts: number;
  /** ISO 8601; null when it was never started. */
  readonly startedAt: string | null;
  readonly ports: readonly PublishedPort[];
  /** Of what it was made from. */
  readonly configHash: string | null;
}

/** The containers of a project's stack, running or not, in the order in which they are started. */
export async function listStack(docker: DockerEngine, project: string): Promise<StackContainer[]> {
  const found = await docker.listContainers({ all: true, filters: ofProject(project) });
  const containers = await Promise.all(found.map(({ Id: id }) => inspect(docker, id)));
  const order = (service: string) => (SERVICES as readonly string[]).indexOf(service);
  return containers
    .filter((container) => container !== null)
    .sort((one, other) => order(one.service) - order(other.service) || one.index - other.index);
}

/** Null when it has been removed in the meantime. */
async function inspect(docker: DockerEngine, id: string): Promise<StackContainer | null> {
  try {
    return toStackContainer(await docker.getContainer(id).inspect());
  } catch (error) {
    if (hasStatus(error, 404)) return null;
    throw error;
  }
}

export function toStackContainer(found: Docker.ContainerInspectInfo): StackContainer {
  const { State: state, Config: config } = found;
  const labels = config.Labels ?? {};
  // Every stop makes "unhealthy" of it: what it says of a container that does not run is nothing.
  const health = state.Running ? state.Health?.Status : undefined;
  return {
    service: labels[LABEL.service] ?? "",
    index: Number(labels[LABEL.number] ?? 1),
    name: found.Name.replace(/^\//, ""),
    id: found.Id,
    image: config.Image,
    state: state.Status,
    health: health === "healthy" || health === "unhealthy" || health === "starting" ? health : null,
    exitCode: state.Running ? null : state.ExitCode,
    oom: state.OOMKilled,
    restarts: found.RestartCount,
    startedAt: state.StartedAt.startsWith("0001") ? null : state.StartedAt,
    ports: toPorts(found.HostConfig.PortBindings),
    configHash: labels[LABEL.hash] ?? null,
  };
}

/** As they were asked for, so that they are known of a container that is stopped too. */
const toPorts = (bindings: unknown): PublishedPort[] =>
  Object.entries((bindings ?? {}) as Record<string, { HostIp?: string; HostPort?: string }[] | null>).flatMap(
    ([inner, outer]) =>
      (outer ?? []).map(({ HostIp: host = "", HostPort: port = "" }) => ({
        host,
        hostPort: Number(port),
        port: Number.parseInt(inner, 10),
      })),
  );

/** Whether nothing is wrong with it: it runs and is not unhealthy, or has done what it is there for. */
export const isWell = ({ service, state, health, exitCode }: StackContainer): boolean =>
  service === "migrate"
    ? exitCode === 0 && state === "exited"
    : state === "running" && health !== "unhealthy";

/** The folders of the projects that a stack of this name belongs to; empty when there is none of this name. */
export async function findStackDirectories(docker: DockerEngine, project: string): Promise<string[]> {
  const [containers, { Volumes: volumes }] = await Promise.all([
    docker.listContainers({ all: true, filters: ofProject(project) }),
    docker.listVolumes({ filters: ofProject(project) }),
  ]);
  const labels = [...containers, ...(volumes ?? [])].map(
    ({ Labels: found }) => found?.[LABEL.directory] ?? "",
  );
  return [...new Set(labels)];
}
