import { readEnvironment } from "../config/environment.ts";
import { loadConfig } from "../config/load.ts";
import { loadEnvFiles } from "../config/load-env.ts";
import { copyEnvironment } from "../config/process-environment.ts";
import { openDevDatabase } from "../database/open-dev-database.ts";
import type { ProjectRequest } from "./base-command.ts";
import { connectDocker } from "./connect-docker.ts";
import { CliError, EXIT } from "./errors.ts";
import { cancelled } from "./prompts.ts";
import { listenForStop, type StopRequests } from "./stop-requests.ts";

export interface DatabaseRequest extends ProjectRequest {
  /** As given on the command line. */
  readonly databaseUrl: string | undefined;
  /** Prints what is not the result. */
  readonly status: (line: string) => void;
}

/** Which database a project works on, in the order in which `aegra dev` looks. */
interface Target {
  /** Null: the project's own, in .aegra. */
  readonly databaseUrl: string | null;
  readonly postgresImage: string | null;
  readonly projectRoot: string;
}

/**
 * Opens the database that `aegra dev` would work on for as long as `work` takes. With a URL, on the command
 * line or in the environment, no project is needed.
 *
 * @throws ConfigError when there is neither a URL nor a project; DatabaseError when the database cannot be
 *   used; CliError `MIGRATION_FAILED` with the reason when the work fails, `CANCELLED` on Ctrl-C
 */
export async function withProjectDatabase<T>(
  request: DatabaseRequest,
  work: (databaseUrl: string) => Promise<T>,
): Promise<T> {
  const target = await findTarget(request);
  const stop = listenForStop();
  try {
    const database = await openDevDatabase({
      ...target,
      connectDocker,
      signal: stop.signal,
      onProgress: request.status,
    });
    try {
      request.status(`Database: ${database.description}`);
      return await Promise.race([work(database.url).catch(rethrow), rejectOnStop(stop)]);
    } finally {
      await database[Symbol.asyncDispose]();
    }
  } catch (error) {
    throw stop.signal.aborted ? cancelled(error) : error;
  } finally {
    stop.dispose();
  }
}

async function findTarget({ databaseUrl, cwd, configFile, envFiles }: DatabaseRequest): Promise<Target> {
  const variables = copyEnvironment();
  const { postgresImage, ...given } = readEnvironment(variables);
  const known = databaseUrl ?? given.databaseUrl;
  if (known !== null) return { databaseUrl: known, postgresImage, projectRoot: cwd };

  const config = await loadConfig({ cwd, configFile });
  loadEnvFiles(config, [...envFiles], variables);
  const environment = readEnvironment(variables);
  return {
    databaseUrl: environment.databaseUrl,
    postgresImage: environment.postgresImage,
    projectRoot: config.root,
  };
}

const rejectOnStop = async ({ requested }: StopRequests): Promise<never> => {
  await requested;
  throw cancelled();
};

// SQLSTATE lock_not_available: the lock timeout is over.
const LOCK_NOT_AVAILABLE = "55P03";

function rethrow(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  const isLocked = "code" in error && error.code === LOCK_NOT_AVAILABLE;
  throw new CliError(isLocked ? "Another process is changing the tables of this database." : error.message, {
    code: isLocked ? "MIGRATION_LOCKED" : "MIGRATION_FAILED",
    exitCode: EXIT.migration,
    suggestions: isLocked
      ? ["Wait for it to end, and run the command again; --lock-timeout says how long to wait."]
      : ["Correct what Postgres complains about, and run the command again."],
    cause: error,
  });
}
