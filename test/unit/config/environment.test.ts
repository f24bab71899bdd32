import { availableParallelism } from "node:os";
import { expect, test } from "vitest";
import { ENVIRONMENT_VARIABLES, readEnvironment } from "../../../src/config/environment.ts";
import { ConfigError } from "../../../src/config/errors.ts";

function refusal(source: NodeJS.ProcessEnv): string {
  try {
    readEnvironment(source);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error(`accepted: ${JSON.stringify(source)}`);
}

test("an empty environment gives the defaults", () => {
  expect(readEnvironment({})).toEqual({
    configFile: null,
    databaseUrl: null,
    directDatabaseUrl: null,
    redisUrl: null,
    redisKeyPrefix: "aegra:",
    host: null,
    port: null,
    workers: 1,
    jobsPerWorker: 10,
    leaseMs: 30_000,
    maxRetries: 3,
    runTimeoutMs: 86_400_000,
    shutdownGraceMs: 180_000,
    poolSize: 10,
    preparesStatements: true,
    idempotencyTtlMs: 86_400_000,
    maxBodyBytes: 20_971_520,
    heartbeatMs: 15_000,
    resumableTtlMs: 120_000,
    maxRunEventBytes: 33_554_432,
    maxEventBytes: 134_217_728,
    logLevel: "info",
    logFormat: null,
    postgresImage: null,
    langsmithApiKey: null,
    langsmithEndpoint: "https://api.smith.langchain.com",
    corsAllowOrigins: null,
  });
});

test("every variable is read", () => {
  const environment = readEnvironment({
    AEGRA_CONFIG: "x.json",
    DATABASE_URL: "postgresql://me:secret@db:5432/app?sslmode=require",
    DATABASE_DIRECT_URL: "postgresql://me:secret@direct:5432/app",
    REDIS_URL: "rediss://me:secret@redis:6380/1",
    REDIS_KEY_PREFIX: "app:",
    AEGRA_HOST: "0.0.0.0",
    AEGRA_PORT: "0",
    WEB_CONCURRENCY: "4",
    N_JOBS_PER_WORKER: "0",
    LEASE_DURATION_SECONDS: "1.5",
    BG_JOB_MAX_RETRIES: "0",
    BG_JOB_TIMEOUT_SECS: "60",
    BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS: "0.25",
    LANGGRAPH_POSTGRES_POOL_MAX_SIZE: "2",
    AEGRA_PREPARED_STATEMENTS: "False",
    AEGRA_IDEMPOTENCY_TTL_SECONDS: "3600",
    HTTP_MAX_REQUEST_BODY_BYTES: "1000",
    AEGRA_SSE_HEARTBEAT_SECONDS: "0.05",
    RESUMABLE_STREAM_TTL_SECONDS: "5",
    AEGRA_RUN_EVENTS_MAX_BYTES: "2000",
    AEGRA_EVENTS_MAX_BYTES: "3000",
    LOG_LEVEL: "WARN",
    AEGRA_LOG_FORMAT: "Pretty",
    AEGRA_POSTGRES_IMAGE: "postgres:18",
    LANGSMITH_API_KEY: "lsv2",
    LANGSMITH_ENDPOINT: "http://smith.example/api",
    CORS_ALLOW_ORIGINS: "https://a.example, https://b.example,",
  });

  expect(environment).toEqual({
    configFile: "x.json",
    databaseUrl: "postgresql://me:secret@db:5432/app?sslmode=require",
    directDatabaseUrl: "postgresql://me:secret@direct:5432/app",
    redisUrl: "rediss://me:secret@redis:6380/1",
    redisKeyPrefix: "app:",
    host: "0.0.0.0",
    port: 0,
    workers: 4,
    jobsPerWorker: 0,
    leaseMs: 1500,
    maxRetries: 0,
    runTimeoutMs: 60_000,
    shutdownGraceMs: 250,
    poolSize: 2,
    preparesStatements: false,
    idempotencyTtlMs: 3_600_000,
    maxBodyBytes: 1000,
    heartbeatMs: 50,
    resumableTtlMs: 5000,
    maxRunEventBytes: 2000,
    maxEventBytes: 3000,
    logLevel: "warn",
    logFormat: "pretty",
    postgresImage: "postgres:18",
    langsmithApiKey: "lsv2",
    langsmithEndpoint: "http://smith.example/api",
    corsAllowOrigins: ["https://a.example", "https://b.example"],
  });
});

test("auto is one worker for each core", () => {
  expect(readEnvironment({ AEGRA_WORKERS: "auto" }).workers).toBe(availableParallelism());
});

test("nobody can change it", () => {
  const environment = readEnvironment({ CORS_ALLOW_ORIGINS: "*" });

  expect(() => Object.assign(environment, { port: 1 })).toThrow(TypeError);
  expect(() => (environment.corsAllowOrigins as string[]).push("x")).toThrow(TypeError);
});

test("the first name that is not empty wins", () => {
  const [first, second, third] = ["postgres://a/x", "postgres://b/x", "postgres://c/x"];

  expect(readEnvironment({ POSTGRES_URI: third }).databaseUrl).toBe(third);
  expect(readEnvironment({ POSTGRES_URI: third, DATABASE_URI: second }).databaseUrl).toBe(second);
  expect(
    readEnvironment({ POSTGRES_URI: third, DATABASE_URI: second, DATABASE_URL: first }).databaseUrl,
  ).toBe(first);
  expect(readEnvironment({ DATABASE_URL: " ", DATABASE_URI: "", POSTGRES_URI: third }).databaseUrl).toBe(
    third,
  );
  expect(readEnvironment({ WORKER_DRAIN_TIMEOUT: "30.0" }).shutdownGraceMs).toBe(30_000);
  expect(readEnvironment({ PORT: "8000" }).port).toBe(8000);
  expect(readEnvironment({ LOG_JSON: "true" }).logFormat).toBe("json");
  expect(readEnvironment({ LOG_JSON: "false" }).logFormat).toBe("pretty");
});

test.each([
  [{ N_JOBS_PER_WORKER: "many" }, 'N_JOBS_PER_WORKER must be a whole number, 0 or more; found "many"'],
  [{ N_JOBS_PER_WORKER: "-1" }, "N_JOBS_PER_WORKER"],
  [{ AEGRA_WORKERS: "0" }, 'AEGRA_WORKERS must be a whole number from 1 to 128, or auto; found "0"'],
  [{ WEB_CONCURRENCY: "-2" }, "WEB_CONCURRENCY"],
  [{ WEB_CONCURRENCY: "1.5" }, "WEB_CONCURRENCY"],
  [{ N_JOBS_PER_WORKER: "1.5" }, "N_JOBS_PER_WORKER"],
  [{ N_JOBS_PER_WORKER: "1e3" }, "N_JOBS_PER_WORKER"],
  [{ BG_JOB_MAX_RETRIES: "99999999999999999999" }, "BG_JOB_MAX_RETRIES"],
  [
    { LEASE_DURATION_SECONDS: "0.5" },
    'LEASE_DURATION_SECONDS must be a number of seconds, from 1 to 2147483; found "0.5"',
  ],
  [{ LEASE_DURATION_SECONDS: "2147484" }, "LEASE_DURATION_SECONDS"],
  [{ AEGRA_SSE_HEARTBEAT_SECONDS: "0" }, "AEGRA_SSE_HEARTBEAT_SECONDS"],
  [{ LANGGRAPH_POSTGRES_POOL_MAX_SIZE: "1" }, "a whole number, 2 or more"],
  [{ HTTP_MAX_REQUEST_BODY_BYTES: "0" }, "HTTP_MAX_REQUEST_BODY_BYTES"],
  [{ AEGRA_PORT: "65536" }, "AEGRA_PORT must be a whole number, from 0 to 65535"],
  [{ PORT: "http" }, 'PORT must be a whole number, from 0 to 65535; found "http"'],
  [
    { LOG_LEVEL: "loud" },
    'LOG_LEVEL must be one of trace, debug, info, warn, error, fatal, silent; found "loud"',
  ],
  [{ LOG_JSON: "1" }, "LOG_JSON must be json or pretty (LOG_JSON: true or false)"],
  [{ CORS_ALLOW_ORIGINS: "," }, "CORS_ALLOW_ORIGINS must be a comma separated list of origins"],
])("%j is refused by name", (source, message) => {
  expect(refusal(source)).toContain(message);
});

test.each([
  { DATABASE_URL: "mysql://me:hunter2@db/app" },
  { DATABASE_DIRECT_URL: "mysql://me:hunter2@db/app" },
  { DATABASE_URI: "postgresql+asyncpg://me:hunter2@db/app" },
  { POSTGRES_URI: "postgres://me:hunter2#/@db/app" },
  { DATABASE_URL: "hunter2" },
])("a database that is not a Postgres URL is refused without showing it", (source) => {
  const message = refusal(source);

  expect(message).toContain(`${Object.keys(source)[0]} must be a postgres:// or postgresql:// URL`);
  expect(message).not.toContain("hunter2");
});

test.each(["http://me:hunter2@redis", "redis:6379:hunter2", "redis://me:hunter2#/@redis"])(
  "a Redis that is not a Redis URL is refused without showing it",
  (REDIS_URL) => {
    const message = refusal({ REDIS_URL });

    expect(message).toContain("REDIS_URL must be a redis:// or rediss:// URL");
    expect(message).not.toContain("hunter2");
  },
);

test("several bad values are reported together", () => {
  const message = refusal({ LOG_LEVEL: "loud", PORT: "x" });

  expect(message).toMatch(/^The environment has 2 problems:\n {2}- PORT.*\n {2}- LOG_LEVEL/);
});

test("names and aliases are unique", () => {
  const names = ENVIRONMENT_VARIABLES.flatMap(({ name, aliases }) => [name, ...aliases]);

  expect(names).toContain("DATABASE_URI");
  expect(new Set(names).size).toBe(names.length);
});
