import { realpath } from "node:fs/promises";
import { loadConfig } from "../config/load.ts";
import type { DockerEngine } from "../docker/engine.ts";
import { listProjectsOfFolder } from "../docker/logs/project-containers.ts";
import { toProjectName } from "../docker/project-name.ts";
import type { ProjectRequest } from "./base-command.ts";
import { CliError, EXIT } from "./errors.ts";

/**
 * The name that the project has in Docker: the given one, else that of the containers which were started from its
 * folder, by Aegra or by Docker Compose, else the one they would get.
 *
 * @throws ConfigError when no name is given and there is no project; CliError `PROJECT_AMBIGUOUS`
 */
export async function findDockerProject(
  docker: DockerEngine,
  request: ProjectRequest,
  given: string | undefined,
): Promise<string> {
  if (given !== undefined) return given;
  const { name, root } = await loadConfig(request);
  const wanted = toProjectName(name);
  const found = await listProjectsOfFolder(docker, [root, await realpath(root)]);
  const [only] = found;
  if (only === undefined || found.includes(wanted)) return wanted;
  if (found.length === 1) return only;
  throw new CliError(`Several projects were started from ${root}: ${found.join(", ")}.`, {
    code: "PROJECT_AMBIGUOUS",
    exitCode: EXIT.config,
    suggestions: [`Say which one: --project ${only}`],
  });
}
