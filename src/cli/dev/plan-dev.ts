import type { Config } from "../../config/config.ts";
import { DEFAULT_PORT } from "../../config/default-port.ts";
import { readEnvironment } from "../../config/environment.ts";
import { loadConfig } from "../../config/load.ts";
import { loadEnvFiles } from "../../config/load-env.ts";
import { copyEnvironment } from "../../config/process-environment.ts";
import type { ProjectRequest } from "../base-command.ts";

export interface DevRequest extends ProjectRequest {
  readonly host: string | undefined;
  readonly port: number | undefined;
  readonly databaseUrl: string | undefined;
}

/** What the supervisor has to know of a project; the server reads its configuration by itself. */
export interface DevPlan {
  readonly config: Config;
  /** Null: the project's own. */
  readonly databaseUrl: string | null;
  /** What a container for it is made of; null for the usual image. */
  readonly postgresImage: string | null;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** Files that settings come from. */
  readonly settingsFiles: readonly string[];
}

/**
 * Reads the project's configuration and environment, as they are now. Nothing is put into the environment
 * of this process: the server would inherit it, and take it for the user's when the file says otherwise.
 *
 * @throws ConfigError
 */
export async function planDev(request: DevRequest): Promise<DevPlan> {
  const config = await loadConfig(request);
  const variables = copyEnvironment();
  loadEnvFiles(config, [...request.envFiles], variables);
  const environment = readEnvironment(variables);
  return {
    config,
    databaseUrl: request.databaseUrl ?? environment.databaseUrl,
    postgresImage: environment.postgresImage,
    host: request.host ?? environment.host ?? "127.0.0.1",
    port: request.port ?? environment.port ?? DEFAULT_PORT,
    settingsFiles: [config.file, ...config.envFiles, ...request.envFiles],
  };
}
