import { realpath } from "node:fs/promises";
import { loadConfig } from "../config/load.ts";
import type { DockerEngine } from "../docker/engine.ts";
import { listProjectFolders } from "../docker/logs/project-containers.ts";
import { toProjectNames } from "../docker/project-name.ts";
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
  const config = await loadConfig(request);
  const { plain, own } = toProjectNames(config);
  const { root } = config;
  const projects = await listProjectFolders(docker);
  const folders = [root, await realpath(root)];
  const found = [...projects].filter(([, from]) => folders.some((folder) => from.has(folder)));
  const names = found.map(([project]) => project).sort();
  const [only] = names;
  // Another checkout has taken the plain name.
  if (only === undefined) return projects.has(plain) ? own : plain;
  const known = [own, plain].find((project) => names.includes(project));
  if (known !== undefined || names.length === 1) return known ?? only;
  throw new CliError(`Several projects were started from ${root}: ${names.join(", ")}.`, {
    code: "PROJECT_AMBIGUOUS",
    exitCode: EXIT.config,
    suggestions: [`Say which one: --project ${only}`],
  });
}
