import path from "node:path";
import { Client } from "@langchain/langgraph-sdk";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import type { Config } from "../../src/config/config.ts";
import { type Environment, readEnvironment } from "../../src/config/environment.ts";
import { type Role, startServer } from "../../src/server/compose.ts";
import { testDatabaseUrl } from "./database.ts";
import { redisVariables } from "./redis-variables.ts";

export interface TestServerOptions {
  /** Graph id → `file:export`, the file relative to test/fixtures/graphs. */
  readonly graphs?: Readonly<Record<string, string>>;
  /** Graph id → most runs of it at a time. */
  readonly limits?: Readonly<Record<string, number>>;
  readonly environment?: Partial<Environment>;
  readonly config?: Partial<Config>;
  /** A database that another server of the test uses too. */
  readonly databaseUrl?: string;
  readonly drainMs?: number;
  readonly role?: Role;
  readonly extractsSchemas?: boolean;
  /** Receives every line of the log from level info on, parsed. */
  readonly logLines?: LogLine[];
}

export interface LogLine {
  /** Pino's number: 50 is error. */
  readonly level: number;
  readonly msg: string;
}

const FIXTURES = path.resolve(import.meta.dirname, "../fixtures/graphs");

/** A whole server on a database of its own, in this process, and the official client for it. */
export async function testServer(options: TestServerOptions = {}) {
  const server = await startTestServer(options.databaseUrl ?? (await testDatabaseUrl()), options);
  onTestFinished(server.close);
  return server;
}

/** The same, for the caller to close. */
export async function startTestServer(databaseUrl: string, options: TestServerOptions = {}) {
  const server = await startServer({
    config: toConfig(options),
    environment: { ...readEnvironment(redisVariables(databaseUrl)), ...options.environment },
    databaseUrl,
    host: "127.0.0.1",
    port: 0,
    aegraVersion: "0.0.0-test",
    role: options.role ?? "all",
    isOnlyServer: false,
    requiresAllGraphs: false,
    extractsSchemas: options.extractsSchemas ?? false,
    drainMs: options.drainMs ?? 0,
    log: createLog(options.logLines),
  });
  let closed = false;
  const close = async () => {
    if (closed) return;
    closed = true;
    await server[Symbol.asyncDispose]();
  };
  // One try: a test wants to see the first answer.
  const client = new Client({ apiUrl: server.url, callerOptions: { maxRetries: 0 } });
  return {
    url: server.url,
    client,
    databaseUrl,
    graphs: server.graphs,
    readQueue: server.readQueue,
    close,
  };
}

const createLog = (lines: LogLine[] | undefined) =>
  lines === undefined
    ? pino({ level: process.env["TEST_LOG_LEVEL"] ?? "silent" })
    : pino({ level: "info" }, { write: (line) => void lines.push(JSON.parse(line)) });

function toConfig({ graphs = { agent: "chat.ts:graph" }, limits = {}, config }: TestServerOptions): Config {
  return {
    file: path.join(FIXTURES, "aegra.json"),
    root: FIXTURES,
    name: "test",
    graphs: Object.fromEntries(
      Object.entries(graphs).map(([id, written]) => {
        const [file = "", exportName = "default"] = written.split(":");
        return [
          id,
          {
            file: path.join(FIXTURES, file),
            exportName,
            description: null,
            maxConcurrency: limits[id] ?? null,
            written,
          },
        ];
      }),
    ),
    envFiles: [],
    isEnvNamed: false,
    envValues: {},
    cors: {
      allow_origins: ["*"],
      allow_origin_regex: null,
      allow_methods: ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
      allow_headers: ["*"],
      allow_credentials: false,
      expose_headers: [],
      max_age_seconds: 600,
    },
    configurableHeaders: { includes: null, excludes: [] },
    store: { ttl: null },
    nodeLoader: "tsx",
    warnings: [],
    asksForAuth: false,
    ...config,
  };
}
