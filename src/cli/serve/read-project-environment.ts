import { type Environment, readEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { loadEnvFiles } from "../../config/load-env.ts";
import { copyEnvironment } from "../../config/process-environment.ts";
import type { ProjectRequest } from "../base-command.ts";

/**
 * Reads the settings that a server of the project will find. Nothing is put into the environment of this process.
 *
 * @throws ConfigError
 */
export async function readProjectEnvironment(project: ProjectRequest): Promise<Environment> {
  const variables = copyEnvironment();
  loadEnvFiles(await loadConfig(project), [...project.envFiles], variables);
  return readEnvironment(variables);
}
