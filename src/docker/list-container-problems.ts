import type { DockerEngine } from "./engine.ts";
import { listProjectContainers } from "./logs/project-containers.ts";

/** What is wrong with the containers of a project, a few words each; and how many there are. */
export async function listContainerProblems(
  docker: DockerEngine,
  project: string,
): Promise<{ readonly count: number; readonly problems: readonly string[] }> {
  const containers = await listProjectContainers(docker, { project, services: [], index: null });
  const problems: string[] = [];
  for (const { id, name } of containers) {
    const { State: state, RestartCount: restarts } = await docker.getContainer(id).inspect();
    if (state.Restarting) problems.push(`${name} is started again and again (${restarts} times)`);
    else if (!state.Running && state.OOMKilled) problems.push(`${name} was out of memory`);
    else if (!state.Running && state.ExitCode !== 0)
      problems.push(`${name} has exited with ${state.ExitCode}`);
    // After a container has stopped, its last health says nothing.
    else if (state.Running && state.Health?.Status === "unhealthy") problems.push(`${name} is unhealthy`);
  }
  return { count: containers.length, problems };
}
