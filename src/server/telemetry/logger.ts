import { type DestinationStream, type Logger, pino } from "pino";
import { pretty } from "./pretty.ts";

export interface LoggerOptions {
  readonly level: string;
  /** `pretty` is for people, `json` for machines. */
  readonly format: "json" | "pretty";
}

/** Where a value that must not be read may sit in what is logged. */
const SECRET_PATHS = [
  "headers.authorization",
  "headers.cookie",
  'headers["x-api-key"]',
  "*.password",
  "*.databaseUrl",
  "databaseUrl",
  "*.directDatabaseUrl",
  "directDatabaseUrl",
];

/** The root logger. Messages are constant phrases; what varies goes into fields. */
export function createLogger({ level, format }: LoggerOptions, destination?: DestinationStream): Logger {
  const stream = destination ?? (format === "pretty" ? pretty() : undefined);
  const options = { level, redact: { paths: SECRET_PATHS, censor: "[hidden]" } };
  return stream === undefined ? pino(options) : pino(options, stream);
}
