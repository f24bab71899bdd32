import type { Config } from "../../config/config.ts";
import { loadEnvFiles } from "../../config/load-env.ts";
import { copyEnvironment } from "../../config/process-environment.ts";

/** What the stack itself decides; set for a server outside of it, such a variable would be wrong within. */
const OWN = [
  ...["DATABASE_URL", "DATABASE_URI", "POSTGRES_URI", "DATABASE_DIRECT_URL", "POSTGRES_PASSWORD"],
  ...["REDIS_URL", "REDIS_URI", "PORT", "AEGRA_PORT", "AEGRA_HOST", "AEGRA_CONFIG", "AEGRA_CWD"],
  ...["AEGRA_ENV_FILE", "AEGRA_DATABASE_URL", "AEGRA_REDIS_URL", "AEGRA_ROLE", "AEGRA_MIGRATE", "AEGRA_JSON"],
];

export interface StackEnvironment {
  /** For the containers of the project. */
  readonly variables: Readonly<Record<string, string>>;
  /** Of the stack's Postgres; null: nothing says. */
  readonly postgresPassword: string | null;
  readonly warnings: readonly string[];
}

/**
 * Reads what the project's environment files and configuration set. As everywhere, what is set in this process wins
 * over a file; what no file names stays out of the containers.
 *
 * @throws ConfigError when a file is missing or cannot be read
 */
export function readStackEnvironment(config: Config, envFiles: readonly string[]): StackEnvironment {
  const here = copyEnvironment();
  const found: NodeJS.ProcessEnv = {};
  const warnings = loadEnvFiles(config, envFiles, found);
  const set = Object.keys(found).map((name): [string, string] => [name, here[name] ?? found[name] ?? ""]);
  const foreign = set.filter(([name, value]) => /^(DATABASE|REDIS)_UR[LI]$/.test(name) && value !== "");
  return {
    variables: Object.fromEntries(set.filter(([name]) => !OWN.includes(name))),
    postgresPassword: here["POSTGRES_PASSWORD"] || found["POSTGRES_PASSWORD"] || null,
    warnings: [
      ...warnings,
      ...foreign.map(
        ([name]) =>
          `${name} of the environment files is not for the containers, which have their own: give --${name.startsWith("R") ? "redis" : "database"}-url to use another.`,
      ),
    ],
  };
}
