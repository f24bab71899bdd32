import { z } from "zod";
import { ConfigError, joinProblems } from "./errors.ts";
import { deepFreeze } from "./freeze.ts";
import { toWorkerCount, WORKER_COUNT } from "./worker-count.ts";

/** One environment variable: how it is documented, and how it is read. */
interface EnvironmentVariable {
  readonly name: string;
  /** Read in this order when `name` is unset or empty. */
  readonly aliases: readonly string[];
  /** As it would be written; null when the variable has no default. */
  readonly default: string | null;
  readonly description: string;
  /** What a value has to be, after "must be". */
  readonly expected: string;
  /** True when messages must not show the value. */
  readonly isSecret: boolean;
}

interface Rule<T> {
  readonly expected: string;
  readonly schema: z.ZodType<T, string>;
}

/** The name that was used, the variable's or an alias, and its value. */
interface SetVariable {
  readonly name: string;
  readonly value: string;
}

type About = Pick<EnvironmentVariable, "name" | "description"> & Partial<EnvironmentVariable>;

/** Node fires longer timers at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;
const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"] as const;

const variables = z.registry<EnvironmentVariable>();

const EnvironmentSchema = z.object({
  configFile: optional(text("the path of a configuration file"), {
    name: "AEGRA_CONFIG",
    description: "The configuration file to use instead of looking for one; -c wins over it.",
  }),
  databaseUrl: optional(postgresUrl(), {
    name: "DATABASE_URL",
    aliases: ["DATABASE_URI", "POSTGRES_URI"],
    description: "The Postgres to keep everything in.",
    isSecret: true,
  }),
  directDatabaseUrl: optional(postgresUrl(), {
    name: "DATABASE_DIRECT_URL",
    description: "The same database without the pooler that DATABASE_URL leads to, for notices and leases.",
    isSecret: true,
  }),
  redisUrl: optional(redisUrl(), {
    name: "REDIS_URL",
    aliases: ["REDIS_URI"],
    description: "A Redis through which servers tell each other events of runs, instead of the database.",
    isSecret: true,
  }),
  redisKeyPrefix: required(text("a text that keys can begin with"), "aegra:", {
    name: "REDIS_KEY_PREFIX",
    aliases: ["REDIS_CHANNEL_PREFIX"],
    description: "Begins every key and channel in Redis; servers of one database have the same.",
  }),
  host: optional(text("a host name or an address"), {
    name: "AEGRA_HOST",
    description: "The address to listen on.",
  }),
  port: optional(wholeNumber(0, 65_535), {
    name: "AEGRA_PORT",
    aliases: ["PORT"],
    description: "The port to listen on; 0 takes a free one.",
  }),
  workers: required(workerCount(), "1", {
    name: "AEGRA_WORKERS",
    aliases: ["WEB_CONCURRENCY"],
    description: "Processes that `aegra serve` serves with on one port; auto: one for each core.",
  }),
  jobsPerWorker: required(wholeNumber(0), "10", {
    name: "N_JOBS_PER_WORKER",
    description: "Runs that this process executes at a time; with 0 it only answers requests.",
  }),
  leaseMs: required(seconds(1), "30", {
    name: "LEASE_DURATION_SECONDS",
    description: "Seconds after which the run of a process that went silent is taken over by another.",
  }),
  maxRetries: required(wholeNumber(0), "3", {
    name: "BG_JOB_MAX_RETRIES",
    description: "How often a run is tried again after its process was lost, before it counts as failed.",
  }),
  runTimeoutMs: required(seconds(0.001), "86400", {
    name: "BG_JOB_TIMEOUT_SECS",
    description: "Seconds that one attempt of a run may take; then it is stopped and ends as `timeout`.",
  }),
  shutdownGraceMs: required(seconds(0), "180", {
    name: "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS",
    aliases: ["WORKER_DRAIN_TIMEOUT"],
    description: "Seconds that running runs get to finish when the server is asked to stop.",
  }),
  poolSize: required(wholeNumber(2), "10", {
    name: "LANGGRAPH_POSTGRES_POOL_MAX_SIZE",
    description: "Most connections to Postgres that this process keeps in its pool.",
  }),
  preparesStatements: required(trueOrFalse(), "true", {
    name: "AEGRA_PREPARED_STATEMENTS",
    description:
      "Whether frequent statements are prepared; false for PgBouncer below 1.21, or without max_prepared_statements.",
  }),
  idempotencyTtlMs: required(seconds(1), "86400", {
    name: "AEGRA_IDEMPOTENCY_TTL_SECONDS",
    description:
      "Seconds for which a request with an Idempotency-Key that is sent again makes no second run.",
  }),
  maxBodyBytes: required(wholeNumber(1), String(20 * 1024 * 1024), {
    name: "HTTP_MAX_REQUEST_BODY_BYTES",
    description: "Largest request body that is accepted, in bytes.",
  }),
  heartbeatMs: required(seconds(0.001), "15", {
    name: "AEGRA_SSE_HEARTBEAT_SECONDS",
    description: "Seconds of silence after which an event stream gets a sign of life.",
  }),
  resumableTtlMs: required(seconds(0), "120", {
    name: "RESUMABLE_STREAM_TTL_SECONDS",
    description: "Seconds after its end for which the events of a run can still be replayed.",
  }),
  maxRunEventBytes: required(wholeNumber(1), String(32 * 1024 * 1024), {
    name: "AEGRA_RUN_EVENTS_MAX_BYTES",
    description:
      "Most bytes of events of one run that are kept in memory; older ones are read from the database or Redis.",
  }),
  maxEventBytes: required(wholeNumber(1), String(128 * 1024 * 1024), {
    name: "AEGRA_EVENTS_MAX_BYTES",
    description:
      "Most bytes of events of all running runs together that are kept in memory, and as many of ended ones.",
  }),
  logLevel: required(logLevel(), "info", {
    name: "LOG_LEVEL",
    description: "The least severe messages to log.",
  }),
  logFormat: optional(logFormat(), {
    name: "AEGRA_LOG_FORMAT",
    aliases: ["LOG_JSON"],
    description: "How log lines look: json or pretty (LOG_JSON: true or false).",
  }),
  postgresImage: optional(text("the name of an image"), {
    name: "AEGRA_POSTGRES_IMAGE",
    description:
      "Image of the Postgres that `aegra dev` runs in Docker; pgvector/pgvector:pg17 unless given.",
  }),
  langsmithApiKey: optional(text("a key of LangSmith"), {
    name: "LANGSMITH_API_KEY",
    aliases: ["LANGCHAIN_API_KEY"],
    description: "Lets runs ask LangSmith for feedback links (`feedback_keys`).",
    isSecret: true,
  }),
  langsmithEndpoint: required(httpUrl(), "https://api.smith.langchain.com", {
    name: "LANGSMITH_ENDPOINT",
    aliases: ["LANGCHAIN_ENDPOINT"],
    description: "Where LangSmith answers.",
  }),
  corsAllowOrigins: optional(list("a comma separated list of origins"), {
    name: "CORS_ALLOW_ORIGINS",
    description: "Origins that may call the server, separated by commas; wins over http.cors.allow_origins.",
  }),
});

type Key = keyof typeof EnvironmentSchema.shape;

/** The settings of this process that come from its environment. Null: not set. */
export type Environment = Readonly<z.output<typeof EnvironmentSchema>>;

/** Every variable that the server and the CLI read, in the order of the documentation. */
export const ENVIRONMENT_VARIABLES: readonly EnvironmentVariable[] = Object.keys(EnvironmentSchema.shape).map(
  (key) => variableOf(key as Key),
);

/**
 * Reads and checks the environment. An empty variable counts as unset.
 *
 * @throws ConfigError naming every variable with a bad value
 */
export function readEnvironment(source: NodeJS.ProcessEnv = process.env): Environment {
  const keys = Object.keys(EnvironmentSchema.shape) as Key[];
  const set = new Map(keys.map((key) => [key, findSet(variableOf(key), source)]));
  const raw = Object.fromEntries(keys.map((key) => [key, set.get(key)?.value ?? variableOf(key).default]));
  const result = EnvironmentSchema.safeParse(raw);
  if (result.success) return deepFreeze(result.data);

  const bad = new Set(result.error.issues.map((issue) => issue.path[0] as Key));
  const problems = [...bad].map((key) => toSentence(variableOf(key), set.get(key) ?? null));
  throw new ConfigError(joinProblems("The environment", problems), [
    "Correct or unset it, where you set it or in your .env file.",
  ]);
}

/** The path in AEGRA_CONFIG, needed before anything else can be read; null when unset. */
export function readConfigFileVariable(source: NodeJS.ProcessEnv = process.env): string | null {
  return findSet(variableOf("configFile"), source)?.value ?? null;
}

function findSet({ name, aliases }: EnvironmentVariable, source: NodeJS.ProcessEnv): SetVariable | null {
  for (const candidate of [name, ...aliases]) {
    const value = source[candidate]?.trim() ?? "";
    if (value !== "") return { name: candidate, value };
  }
  return null;
}

function toSentence({ expected, isSecret, name }: EnvironmentVariable, set: SetVariable | null): string {
  const found = isSecret
    ? "its value is not shown here because it may contain a password"
    : `found "${set?.value ?? ""}"`;
  return `${set?.name ?? name} must be ${expected}; ${found}`;
}

function variableOf(key: Key): EnvironmentVariable {
  const variable = variables.get(EnvironmentSchema.shape[key]);
  if (variable === undefined) throw new Error(`${key} is in the schema but describes no variable`);
  return variable;
}

function required<T>(rule: Rule<T>, defaultText: string, about: About) {
  return register(rule.schema, { ...about, expected: rule.expected, default: defaultText });
}

function optional<T>(rule: Rule<T>, about: About) {
  return register(rule.schema.nullable(), { ...about, expected: rule.expected });
}

function register<S extends z.ZodType>(schema: S, about: About & { readonly expected: string }): S {
  variables.add(schema, { aliases: [], default: null, isSecret: false, ...about });
  return schema;
}

function text(expected: string): Rule<string> {
  return { expected, schema: z.string() };
}

function list(expected: string): Rule<readonly string[]> {
  const split = (value: string) => value.split(",").flatMap((part) => part.trim() || []);
  return { expected, schema: z.string().transform(split).pipe(z.array(z.string()).min(1)).readonly() };
}

function wholeNumber(min: number, max = Number.MAX_SAFE_INTEGER): Rule<number> {
  const limits = max === Number.MAX_SAFE_INTEGER ? `${min} or more` : `from ${min} to ${max}`;
  return {
    expected: `a whole number, ${limits}`,
    schema: z.string().regex(/^\d+$/).transform(Number).pipe(z.number().min(min).max(max)),
  };
}

function workerCount(): Rule<number> {
  return {
    expected: WORKER_COUNT,
    schema: z
      .string()
      .transform(toWorkerCount)
      .pipe(z.number({ error: `expected ${WORKER_COUNT}` })),
  };
}

function trueOrFalse(): Rule<boolean> {
  return {
    expected: "true or false",
    schema: z
      .string()
      .toLowerCase()
      .pipe(z.enum(["true", "false"]))
      .transform((value) => value === "true"),
  };
}

function seconds(min: number): Rule<number> {
  return {
    expected: `a number of seconds, from ${min} to ${Math.floor(MAX_TIMER_MS / 1000)}`,
    schema: z
      .string()
      .regex(/^\d+(\.\d+)?$/)
      .transform((value) => Math.round(Number(value) * 1000))
      .pipe(
        z
          .number()
          .min(min * 1000)
          .max(MAX_TIMER_MS),
      ),
  };
}

function postgresUrl(): Rule<string> {
  return {
    expected:
      'a postgres:// or postgresql:// URL (in a password, write characters such as "#" and "/" as %23 and %2F)',
    schema: z.string().refine((value) => /^postgres(ql)?:\/\//.test(value) && URL.canParse(value)),
  };
}

function redisUrl(): Rule<string> {
  return {
    expected:
      'a redis:// or rediss:// URL (in a password, write characters such as "#" and "/" as %23 and %2F)',
    schema: z.string().refine((value) => /^rediss?:\/\//.test(value) && URL.canParse(value)),
  };
}

function httpUrl(): Rule<string> {
  return {
    expected: "an http:// or https:// URL",
    schema: z.string().refine((value) => /^https?:\/\//.test(value) && URL.canParse(value)),
  };
}

function logLevel(): Rule<(typeof LOG_LEVELS)[number]> {
  return {
    expected: `one of ${LOG_LEVELS.join(", ")}`,
    schema: z.string().toLowerCase().pipe(z.enum(LOG_LEVELS)),
  };
}

function logFormat(): Rule<"json" | "pretty"> {
  return {
    expected: "json or pretty (LOG_JSON: true or false)",
    schema: z
      .string()
      .toLowerCase()
      .pipe(z.enum(["json", "pretty", "true", "false"]))
      .transform((value) => (value === "json" || value === "true" ? "json" : "pretty")),
  };
}
