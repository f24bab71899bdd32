import type { DevDatabase } from "../../database/dev-database.ts";
import { openDevDatabase } from "../../database/open-dev-database.ts";
import { connectDocker } from "../connect-docker.ts";
import { type ServerProcess, startServerProcess } from "../server-process/start-server-process.ts";
import { toCliError } from "../to-cli-error.ts";
import { createJsonReporter, createTextReporter } from "./dev-reporter.ts";
import { explainPortInUse } from "./explain-port-in-use.ts";
import { type DevPlan, type DevRequest, planDev } from "./plan-dev.ts";
import { supervise } from "./supervise.ts";
import { watchProject } from "./watch-project.ts";

export interface DevOptions extends DevRequest {
  readonly reload: boolean;
  readonly migrate: boolean;
  readonly verbose: boolean;
  readonly json: boolean;
  /** Flags of Node for the server. */
  readonly nodeFlags: readonly string[];
  readonly stop: AbortSignal;
  /** Prints what is not the result; silent when the user wants it so. */
  readonly status: (line: string) => void;
  onProcess(server: ServerProcess): void;
}

/** How long runs may go on after a file has changed; then they are handed back and resumed by the new server. */
const DRAIN_MS = 500;

/**
 * Opens the project's database and keeps a server running on it, until it is asked to stop.
 *
 * @throws ConfigError, DatabaseError, DockerError, CliError
 */
export async function runDev(options: DevOptions): Promise<void> {
  const plan = await planDev(options);
  const database = await openDatabase(plan, options);
  if (database === null) return;
  try {
    await serveOn(database, plan, options);
  } finally {
    await database[Symbol.asyncDispose]();
  }
}

/** @returns null when it was asked to stop meanwhile */
async function openDatabase(
  { config, databaseUrl, postgresImage, host, port }: DevPlan,
  { stop, status }: DevOptions,
): Promise<DevDatabase | null> {
  try {
    return await openDevDatabase({
      projectRoot: config.root,
      databaseUrl,
      postgresImage,
      connectDocker,
      signal: stop,
      onProgress: status,
      ...(port === 0 ? {} : { serverUrl: `http://${host}:${port}` }),
    });
  } catch (error) {
    if (stop.aborted) return null;
    throw error;
  }
}

async function serveOn(database: DevDatabase, firstPlan: DevPlan, options: DevOptions): Promise<void> {
  const { root } = firstPlan.config;
  const { stop, status, reload, json, onProcess } = options;
  const report = (json ? createJsonReporter : createTextReporter)({
    root,
    database,
    reloads: reload,
    status,
  });
  const watch = reload ? watchProject(root) : null;
  let plan = firstPlan;
  try {
    await supervise({
      watch,
      report: {
        ...report,
        ready(server) {
          // The port that was free the first time is the one that clients know.
          plan = { ...plan, port: Number(new URL(server.url).port) };
          report.ready(server);
        },
      },
      stop,
      onProcess,
      async start() {
        plan = await renewPlan(plan, options);
        watch?.include(plan.settingsFiles);
        if (plan.databaseUrl !== firstPlan.databaseUrl) {
          status("The database URL has changed: stop and start again to use it.");
        }
        return startServerProcess(toProcess(database, plan, options));
      },
      explain: async (failure) =>
        failure.code === "PORT_IN_USE" ? explainPortInUse(failure, plan) : failure,
    });
  } finally {
    await watch?.close();
  }
  report.stopped();
}

/** What the files say now; a port that may be any is still the one before. */
async function renewPlan(before: DevPlan, options: DevOptions): Promise<DevPlan> {
  try {
    const plan = await planDev(options);
    return plan.port === 0 ? { ...plan, port: before.port } : plan;
  } catch (error) {
    throw toCliError(error);
  }
}

const toProcess = (database: DevDatabase, { host, port }: DevPlan, options: DevOptions) => ({
  start: {
    cwd: options.cwd,
    configFile: options.configFile,
    envFiles: options.envFiles,
    mode: "dev" as const,
    host,
    port,
    databaseUrl: database.url,
    migrate: options.migrate,
    isOnlyServer: database.kind !== "url",
    drainMs: DRAIN_MS,
    logLevel: options.verbose ? "debug" : undefined,
  },
  nodeFlags: options.nodeFlags,
  logTo: options.json ? ("stderr" as const) : ("stdout" as const),
});
