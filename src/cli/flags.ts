import { Errors, Flags } from "@oclif/core";
import { toWorkerCount, WORKER_COUNT } from "../config/worker-count.ts";

export const hostFlag = Flags.string({
  summary: "Address to listen on.",
  helpValue: "ADDRESS",
  env: "AEGRA_HOST",
});

export const portFlag = Flags.integer({
  char: "p",
  summary: "Port to listen on; 0 takes any free one.",
  helpValue: "PORT",
  min: 0,
  max: 65_535,
  env: "AEGRA_PORT",
});

export const databaseUrlFlag = Flags.custom<string>({
  summary: "Postgres to use; otherwise that of DATABASE_URL.",
  helpValue: "URL",
  env: "AEGRA_DATABASE_URL",
  // Never quotes what was given: it may hold a password.
  parse: async (url) => {
    if (/^postgres(ql)?:\/\//.test(url) && URL.canParse(url)) return url;
    throw new Errors.CLIError("expected a postgres:// or postgresql:// URL.", {
      suggestions: [
        "Write it as postgres://user:password@host:5432/database",
        "Percent-encode special characters of the password: @ is %40, / is %2F, : is %3A, # is %23.",
      ],
    });
  },
});

export const migrateFlag = Flags.boolean({
  summary: "Create or upgrade the tables first.",
  allowNo: true,
  default: true,
  env: "AEGRA_MIGRATE",
});

export const workersFlag = Flags.custom<number>({
  summary: "Processes to serve with, on one port; auto: one for each core.",
  helpValue: "N",
  env: "AEGRA_WORKERS",
  parse: async (text) => {
    const count = toWorkerCount(text);
    if (count === null) throw new Errors.CLIError(`expected ${WORKER_COUNT}; found "${text}".`);
    return count;
  },
});
