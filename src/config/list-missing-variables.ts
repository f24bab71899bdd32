import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "dotenv";
import { ConfigError } from "./errors.ts";

/**
 * The variables that the project's `.env.example` has and that are set nowhere; empty also when there is no such file.
 *
 * @param root the folder of the configuration
 * @param environment what is set, with the environment files
 * @throws ConfigError when the file cannot be read
 */
export function listMissingVariables(root: string, environment: NodeJS.ProcessEnv): string[] {
  const file = join(root, ".env.example");
  try {
    return Object.keys(parse(readFileSync(file, "utf8"))).filter((name) => environment[name] === undefined);
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    if (error.code === "ENOENT") return [];
    throw new ConfigError(`${file} cannot be read: ${error.message}`, [], cause);
  }
}
