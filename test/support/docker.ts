import { readDockerEnvironment } from "../../src/config/docker-environment.ts";
import { type DockerConnection, openDocker } from "../../src/docker/engine.ts";
import { DockerError } from "../../src/docker/errors.ts";

/** The Docker of this machine; null when there is none. Where it has to be there, its absence is an error. */
export async function reachableDocker(): Promise<DockerConnection | null> {
  try {
    return await openDocker({ environment: readDockerEnvironment() });
  } catch (error) {
    if (error instanceof DockerError && process.env["AEGRA_TEST_DOCKER"] !== "required") return null;
    throw error;
  }
}
