import { createRequire } from "node:module";
import process from "node:process";
import type { Logger } from "pino";
import { DEFAULT_PORT } from "../config/default-port.ts";
import { type Environment, readEnvironment } from "../config/environment.ts";
import { useForegroundCallbacks } from "../config/langchain-environment.ts";
import { loadConfig } from "../config/load.ts";
import { loadEnvFiles } from "../config/load-env.ts";
import type { Role, RunningServer } from "./compose.ts";
import { useLangGraphOf } from "./engine/resolve-langgraph.ts";
import { StartError } from "./errors.ts";
import { createLogger } from "./telemetry/logger.ts";

export interface StartOptions {
  /** Where the configuration is looked for. */
  readonly cwd: string;
  readonly configFile?: string | undefined;
  /** Environment files on top of those of the configuration, absolute. */
  readonly envFiles?: readonly string[];
  /**
   * `serve` refuses to start with a graph that cannot be loaded and listens on all addresses; `dev` serves
   * the other graphs and listens on this machine only.
   */
  readonly mode: "dev" | "serve";
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly databaseUrl?: string | undefined;
  /** Whether to create or upgrade tables first. */
  readonly migrate: boolean;
  /** Both, unless given. */
  readonly role?: Role | undefined;
  readonly isOnlyServer?: boolean;
  /** How long runs may go on after closing has begun; the environment's setting unless given. */
  readonly drainMs?: number | undefined;
  /** The environment's setting unless given; so is the next one. */
  readonly logLevel?: string | undefined;
  readonly logFormat?: "json" | "pretty" | undefined;
}

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/**
 * Starts the server for a project: configuration, environment files, LangGraph, tables, and then everything
 * that `startServer` composes.
 *
 * @throws ConfigError, StartError
 */
export async function startAegra(options: StartOptions): Promise<RunningServer> {
  const isDev = options.mode === "dev";
  const { config, environment, databaseUrl, log } = await readSettings(options, isDev);
  surviveStrayRejections(log);

  // Both before anything of LangChain is loaded, and so before the imports below.
  useForegroundCallbacks();
  useLangGraphOf(config.root);
  const { ensureTables } = await import("./ensure-tables.ts");
  await ensureTables(databaseUrl, { migrate: options.migrate, log });
  const { requireSameDatabase } = await import("./require-same-database.ts");
  await requireSameDatabase(databaseUrl, environment.directDatabaseUrl);

  const { startServer } = await import("./compose.ts");
  const server = await startServer({
    config,
    environment,
    databaseUrl,
    host: options.host ?? environment.host ?? (isDev ? "127.0.0.1" : "0.0.0.0"),
    port: options.port ?? environment.port ?? DEFAULT_PORT,
    aegraVersion: version,
    role: options.role ?? "all",
    isOnlyServer: options.isOnlyServer ?? false,
    drainMs: options.drainMs ?? environment.shutdownGraceMs,
    requiresAllGraphs: !isDev,
    extractsSchemas: isDev,
    log,
  }).catch((error: unknown) => {
    throw toStartError(error);
  });
  log.info({ url: server.url, graphs: server.graphs.map(({ graph_id }) => graph_id) }, "server ready");
  return server;
}

/** The log of a process of the server; also of one that only watches over others that serve. */
export const openLog = (
  { mode, logLevel, logFormat }: Pick<StartOptions, "mode" | "logLevel" | "logFormat">,
  environment: Pick<Environment, "logLevel" | "logFormat">,
): Logger =>
  createLogger({
    level: logLevel ?? environment.logLevel,
    format: logFormat ?? environment.logFormat ?? (mode === "dev" ? "pretty" : "json"),
  });

/** Reads everything that a start depends on, environment files first, since they may hold the rest. */
async function readSettings(options: StartOptions, isDev: boolean) {
  const config = await loadConfig(options);
  const warnings = [...config.warnings, ...loadEnvFiles(config, [...(options.envFiles ?? [])])];
  const environment = readEnvironment();
  const log = openLog(options, environment);
  for (const warning of warnings) log.warn(warning);

  // Whoever configured authentication must not get a server that lets everyone in.
  if (config.asksForAuth && !isDev) throw authUnsupported(config.file);
  const databaseUrl = options.databaseUrl ?? environment.databaseUrl;
  if (databaseUrl === null) throw databaseMissing();
  if (options.role === "worker" && environment.jobsPerWorker === 0) throw nothingToDo();
  // What is set beside another URL says nothing about this one.
  const isOther = databaseUrl !== environment.databaseUrl;
  return {
    config,
    environment: isOther ? { ...environment, directDatabaseUrl: null } : environment,
    databaseUrl,
    log,
  };
}

/**
 * A promise that a graph forgot about must not end the runs of everyone else, as Node would have it. What
 * it rejected with is an error of the project, so it is told and not swallowed.
 */
function surviveStrayRejections(log: Logger): void {
  process.on("unhandledRejection", (reason) => log.error({ err: reason }, "unhandled rejection"));
}

const authUnsupported = (file: string): StartError =>
  new StartError(
    "AUTH_UNSUPPORTED",
    `${file} configures authentication ("auth"), which this version does not have: the server would be open to everyone.`,
    [
      "Remove the key, and put the server behind a proxy that authenticates.",
      "`aegra dev` listens on this machine only and starts with it.",
    ],
  );

const nothingToDo = (): StartError =>
  new StartError("NOTHING_TO_DO", "A worker that executes 0 runs at a time has nothing to do.", [
    "Unset N_JOBS_PER_WORKER or set it to 1 or more.",
    "For a process that only answers requests, use --role api.",
  ]);

const databaseMissing = (): StartError =>
  new StartError("DATABASE_MISSING", "No database: DATABASE_URL is not set.", [
    "Set DATABASE_URL=postgres://user:password@host:5432/database in the environment or the env file.",
    "Pass --database-url.",
    "For development, use `aegra dev`: it brings a Postgres of its own.",
  ]);

function toStartError(error: unknown): unknown {
  const { code, port } = error as NodeJS.ErrnoException & { port?: number };
  if (code !== "EADDRINUSE") return error;
  return new StartError(
    "PORT_IN_USE",
    `Port ${port} is in use by another program.`,
    ["Choose another one with --port, or --port 0 for any free one."],
    error,
  );
}
