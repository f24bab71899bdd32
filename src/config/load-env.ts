import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parse } from "dotenv";
import type { Config } from "./config.ts";
import { ConfigError } from "./errors.ts";

/**
 * Puts the project's environment into that of this process. Later files win over earlier ones, extra files over
 * the configuration's, files over values written in it; what is set already wins over all of them, so that it
 * makes no difference whether the CLI, the server or both call this.
 *
 * @param extraFiles as given with --env-file, in order; relative to the working directory
 * @param target where to put them; a copy of the environment for a process that is started with it
 * @returns a sentence for each file that the configuration names and that is not there
 * @throws ConfigError when an extra file is missing, or any file cannot be read
 */
export function loadEnvFiles(
  config: Pick<Config, "file" | "envFiles" | "envValues" | "isEnvNamed">,
  extraFiles: readonly string[],
  target: NodeJS.ProcessEnv = process.env,
): string[] {
  const warnings: string[] = [];
  const values: Record<string, string> = { ...config.envValues };
  for (const path of config.envFiles) {
    const content = readIfThere(path);
    Object.assign(values, content);
    if (content === null && config.isEnvNamed) {
      warnings.push(`There is no environment file ${path} (named by "env" in ${config.file}).`);
    }
  }
  for (const path of extraFiles) {
    const content = readIfThere(resolve(path));
    if (content === null) {
      throw new ConfigError(`There is no environment file ${resolve(path)} (named by --env-file).`);
    }
    Object.assign(values, content);
  }
  for (const [name, value] of Object.entries(values)) target[name] ??= value;
  return warnings;
}

function readIfThere(path: string): Record<string, string> | null {
  try {
    return parse(readFileSync(path, "utf8"));
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(error.code ?? "")) return null;
    throw new ConfigError(`The environment file ${path} cannot be read: ${error.message}`, [], cause);
  }
}
