/** What is known of the line of a log. */
export interface LogRecord {
  /** Null when it does not say. */
  readonly level: Level | null;
  /** What a line of JSON holds; null for any other line. */
  readonly fields: Readonly<Record<string, unknown>> | null;
}

export const LEVELS = ["trace", "debug", "info", "warn", "error", "fatal"] as const;

export type Level = (typeof LEVELS)[number];

/** Whether a level is at least as grave as another one. */
export const isAtLeast = (level: Level, least: Level): boolean =>
  LEVELS.indexOf(level) >= LEVELS.indexOf(least);

/** Reads lines of JSON as loggers for Node.js write them, and those of Postgres and Redis. */
export function toLogRecord(text: string): LogRecord {
  const fields = text.startsWith("{") ? parseObject(text) : null;
  if (fields !== null) {
    return { level: toLevel(fields["level"] ?? fields["severity"] ?? fields["lvl"]), fields };
  }
  const postgres = POSTGRES.exec(text)?.[1];
  if (postgres !== undefined) return { level: POSTGRES_LEVELS[postgres] ?? "info", fields: null };
  const redis = REDIS.exec(text)?.[1];
  return { level: redis === undefined ? null : (REDIS_LEVELS[redis] ?? null), fields: null };
}

function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    // Text that begins like JSON is text.
    return null;
  }
}

function toLevel(level: unknown): Level | null {
  // The numbers are pino's: 10 for trace to 60 for fatal.
  if (typeof level === "number") return LEVELS[Math.min(5, Math.max(0, Math.floor(level / 10) - 1))] ?? null;
  if (typeof level !== "string") return null;
  const name = level.toLowerCase();
  return LEVELS.find((known) => known === name) ?? OTHER_NAMES[name] ?? null;
}

const OTHER_NAMES: Readonly<Record<string, Level>> = {
  silly: "trace",
  verbose: "debug",
  http: "info",
  notice: "info",
  log: "info",
  warning: "warn",
  err: "error",
  critical: "fatal",
  crit: "fatal",
  alert: "fatal",
  emergency: "fatal",
};

const POSTGRES =
  /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[^[]*\[\d+\].*? ?(DEBUG\d?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|QUERY|CONTEXT|STATEMENT|LOCATION): {1,2}/;

const POSTGRES_LEVELS: Readonly<Record<string, Level>> = {
  DEBUG: "debug",
  WARNING: "warn",
  ERROR: "error",
  // Of one connection; of the whole server is PANIC.
  FATAL: "error",
  PANIC: "fatal",
};

const REDIS = /^\d+:[XCSM] \d\d \w{3} \d{4} \d\d:\d\d:\d\d\.\d+ ([.\-*#]) /;

const REDIS_LEVELS: Readonly<Record<string, Level>> = {
  ".": "debug",
  "-": "debug",
  "*": "info",
  "#": "warn",
};
