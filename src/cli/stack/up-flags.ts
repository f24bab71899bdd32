import { Errors, Flags } from "@oclif/core";
import { databaseUrlFlag } from "../flags.ts";

const MAX_PORT = 65_535;

/** The flags of `aegra up` that decide what the stack consists of. */
export const upFlags = {
  build: Flags.boolean({
    summary: "Build the image, also when nothing has changed; --no-build takes the one that is there.",
    allowNo: true,
    env: "AEGRA_BUILD",
  }),
  image: Flags.string({
    summary: "Image to run, in place of one that is built from the project.",
    helpValue: "IMAGE",
    env: "AEGRA_IMAGE",
  }),
  pull: Flags.option({
    summary: "When to pull images: if they are missing, always, or never.",
    helpValue: "WHEN",
    options: ["missing", "always", "never"] as const,
    default: "missing" as const,
    env: "AEGRA_PULL",
  })(),
  port: Flags.custom<number | "auto">({
    char: "p",
    summary: "Port to answer on, or auto for a free one; otherwise 2026.",
    helpValue: "PORT",
    env: "AEGRA_PORT",
    parse: async (text) => {
      if (text === "auto") return text;
      const port = Number(text);
      if (Number.isInteger(port) && port > 0 && port <= MAX_PORT) return port;
      throw new Errors.CLIError(`expected a port, or auto; found "${text}".`);
    },
  })(),
  bind: Flags.string({
    summary: "Address to publish ports on; 0.0.0.0 lets other machines in.",
    helpValue: "ADDRESS",
    default: "127.0.0.1",
    env: "AEGRA_BIND",
  }),
  "database-url": databaseUrlFlag({
    summary: "Postgres to use, as containers reach it, in place of one of the stack.",
  }),
  "postgres-image": Flags.string({
    summary: "Image of the stack's Postgres.",
    helpValue: "IMAGE",
    default: "pgvector/pgvector:pg17",
    env: "AEGRA_POSTGRES_IMAGE",
  }),
  "postgres-port": Flags.integer({
    summary: "Port to publish the stack's Postgres on; otherwise only the stack reaches it.",
    helpValue: "PORT",
    min: 1,
    max: MAX_PORT,
    env: "AEGRA_POSTGRES_PORT",
  }),
  redis: Flags.boolean({
    summary: "Run a Redis for the events of runs, which otherwise go through Postgres.",
    allowNo: true,
    default: false,
    env: "AEGRA_REDIS",
  }),
  "redis-image": Flags.string({
    summary: "Image of the stack's Redis.",
    helpValue: "IMAGE",
    default: "redis:8",
    env: "AEGRA_REDIS_IMAGE",
  }),
  "redis-url": Flags.custom<string>({
    summary: "Redis to use, as containers reach it.",
    helpValue: "URL",
    env: "AEGRA_REDIS_URL",
    // Never quotes what was given: it may hold a password.
    parse: async (url) => {
      if (/^rediss?:\/\//.test(url) && URL.canParse(url)) return url;
      throw new Errors.CLIError("expected a redis:// or rediss:// URL.");
    },
  })(),
  scale: Flags.string({
    summary: "Containers of a service, such as worker=2 or api=2; may be repeated.",
    helpValue: "SERVICE=N",
    multiple: true,
    multipleNonGreedy: true,
    env: "AEGRA_SCALE",
  }),
  migrate: Flags.boolean({
    summary: "Create or upgrade the tables first, in a container of its own.",
    allowNo: true,
    default: true,
    env: "AEGRA_MIGRATE",
  }),
  memory: Flags.custom<number>({
    summary: "Memory of each container of the project, such as 512m or 2g.",
    helpValue: "SIZE",
    env: "AEGRA_MEMORY",
    parse: async (text) => {
      const [, number, unit = ""] = /^(\d+(?:\.\d+)?)([kmg]?)b?$/i.exec(text) ?? [];
      const bytes = Math.round(Number(number) * 1024 ** "kmg".indexOf(unit.toLowerCase() || "-") * 1024);
      const size = unit === "" ? Number(number) : bytes;
      // Less, and the engine refuses it.
      if (size >= 6 * 2 ** 20) return Math.round(size);
      throw new Errors.CLIError(`expected a size of 6m or more, such as 512m or 2g; found "${text}".`);
    },
  })(),
  cpus: Flags.custom<number>({
    summary: "Processors of each container of the project, such as 1.5.",
    helpValue: "N",
    env: "AEGRA_CPUS",
    parse: async (text) => {
      const cpus = Number(text);
      if (cpus >= 0.01 && cpus <= 1024) return cpus;
      throw new Errors.CLIError(`expected a number of processors, such as 1.5; found "${text}".`);
    },
  })(),
  restart: Flags.option({
    summary: "Whether the engine starts containers again that end by themselves.",
    helpValue: "WHEN",
    options: ["unless-stopped", "no"] as const,
    default: "unless-stopped" as const,
    env: "AEGRA_RESTART",
  })(),
  recreate: Flags.boolean({
    summary: "Replace containers although nothing has changed.",
    env: "AEGRA_RECREATE",
  }),
  "remove-orphans": Flags.boolean({
    summary: "Remove containers of the stack that are no longer part of it.",
    allowNo: true,
    default: true,
    env: "AEGRA_REMOVE_ORPHANS",
  }),
};

/**
 * How many containers a service gets.
 *
 * @throws Errors.CLIError for a service that cannot be scaled, or what is no number
 */
export function toScale(given: readonly string[] | string | undefined): { apis: number; workers: number } {
  const scale = { apis: 1, workers: 0 };
  // From its variable oclif gives one text, not a list.
  for (const text of [given ?? []].flat().flatMap((each) => each.split(","))) {
    const [, service, count] = /^(api|worker)=(\d{1,2})$/.exec(text) ?? [];
    if (service === undefined || (service === "api" && Number(count) === 0)) {
      throw new Errors.CLIError(`--scale: expected worker=N or api=N, api at least 1; found "${text}".`);
    }
    scale[service === "api" ? "apis" : "workers"] = Number(count);
  }
  return scale;
}
