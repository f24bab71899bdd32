import type { DockerEngine } from "./engine.ts";

/** What matters of an engine besides its version. */
export interface EngineDetails {
  readonly isRootless: boolean;
  /** Version of its control groups, such as `2`; null when it does not say. */
  readonly cgroup: string | null;
  /** Where it keeps images and volumes; null when it does not say. */
  readonly folder: string | null;
  /** How far its clock is ahead of ours, in milliseconds; null when it does not say. */
  readonly clockAheadMs: number | null;
}

export async function inspectEngine(docker: DockerEngine): Promise<EngineDetails> {
  const askedAtMs = Date.now();
  const info = (await docker.info()) as Partial<{
    readonly SecurityOptions: readonly string[] | null;
    readonly CgroupVersion: string;
    readonly DockerRootDir: string;
    readonly SystemTime: string;
  }>;
  const timeMs = Date.parse(info.SystemTime ?? "");
  return {
    isRootless: (info.SecurityOptions ?? []).some((option) => option.includes("rootless")),
    cgroup: info.CgroupVersion ?? null,
    folder: info.DockerRootDir ?? null,
    // Its answer is from between the two moments.
    clockAheadMs: Number.isNaN(timeMs) ? null : timeMs - (askedAtMs + Date.now()) / 2,
  };
}

/** The names of the running containers that publish a port of this machine. */
export async function listPortOwners(
  docker: DockerEngine,
  port: number,
): Promise<{ readonly name: string; readonly project: string | null }[]> {
  const containers = await docker.listContainers({});
  return containers
    .filter(({ Ports: ports }) => ports.some(({ PublicPort: taken }) => taken === port))
    .map(({ Id: id, Names: [name = id], Labels: labels }) => ({
      name: name.replace(/^\//, ""),
      project: labels["com.docker.compose.project"] ?? null,
    }));
}
