import { readDockerEnvironment } from "../config/docker-environment.ts";
import { type DockerEngine, openDocker } from "../docker/engine.ts";

/** The engine that the environment names, or that of this machine. @throws DockerError */
export async function connectDocker(): Promise<DockerEngine> {
  const { docker } = await openDocker({ environment: readDockerEnvironment() });
  return docker;
}
