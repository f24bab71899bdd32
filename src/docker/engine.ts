import type Docker from "dockerode";

/** A connection to a Docker engine that has answered. */
export type DockerEngine = Docker;

const ANSWER_TIMEOUT_MS = 5_000;

/**
 * Connects to the Docker engine named by DOCKER_HOST, else to the local one.
 *
 * @returns null when none answers
 */
export async function connectDocker(): Promise<DockerEngine | null> {
  // Loading the library costs more than most commands take, and most of them need no Docker.
  const { default: Docker } = await import("dockerode");
  try {
    const docker = new Docker();
    // Not a ping: its types offer no way to end it, and any web server answers one.
    const answer = await docker.listContainers({
      limit: 1,
      abortSignal: AbortSignal.timeout(ANSWER_TIMEOUT_MS),
    });
    return Array.isArray(answer) ? docker : null;
  } catch {
    // Not installed, not running, not ours to use, or a DOCKER_HOST that leads nowhere: no engine either way.
    return null;
  }
}
