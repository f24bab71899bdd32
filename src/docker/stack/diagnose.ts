import type Docker from "dockerode";
import { readLastLines } from "../containers.ts";
import type { DockerEngine } from "../engine.ts";
import type { Diagnosis } from "./errors.ts";
import { LABEL } from "./labels.ts";

/** More than is shown: Node prints the cause far above the end of its stack. */
const READ_LINES = 200;

export interface DiagnoseOptions {
  /** How many of the last lines are to be shown. */
  readonly lines: number;
  /** What must not be shown, wherever it appears. */
  readonly secrets: readonly string[];
}

/** Says what is wrong with a container, from its state and what it has printed. */
export async function diagnose(
  docker: DockerEngine,
  id: string,
  options: DiagnoseOptions,
): Promise<Diagnosis> {
  const found = await docker.getContainer(id).inspect();
  // Drivers that send logs elsewhere cannot be read, and the state is worth telling without them.
  const text = await readLastLines(docker, id, READ_LINES).catch(() => "");
  return explainContainer(found, text, options);
}

type Facts = Pick<Docker.ContainerInspectInfo, "Name" | "State" | "RestartCount" | "HostConfig" | "Config">;

/** @param text the last lines that the container has printed */
export function explainContainer(found: Facts, text: string, { lines, secrets }: DiagnoseOptions): Diagnosis {
  const { State: state, Config: config } = found;
  const labels = config.Labels ?? {};
  const outcome = toOutcome(found);
  const output = state.Running ? (state.Health?.Log?.at(-1)?.Output ?? "") : "";
  const known = explainText(`${text}\n${state.Error ?? ""}\n${output}`);
  const redact = (line: string) =>
    secrets.reduce((result, secret) => (secret === "" ? result : result.replaceAll(secret, "***")), line);
  return {
    container: found.Name.replace(/^\//, ""),
    service: labels[LABEL.service] ?? "",
    code: known?.code ?? outcome.code,
    cause: redact(outcome.cause),
    exitCode: state.Running ? null : state.ExitCode,
    log: text === "" ? [] : text.trimEnd().split(/\r?\n/).slice(-lines).map(redact),
    hint: known?.hint ?? outcome.hint ?? null,
  };
}

interface Outcome {
  readonly code: string;
  readonly cause: string;
  readonly hint?: string;
}

const SIGNALS: Readonly<Record<number, string>> = {
  132: "SIGILL",
  133: "SIGTRAP",
  134: "SIGABRT",
  135: "SIGBUS",
  136: "SIGFPE",
  137: "SIGKILL",
  139: "SIGSEGV",
  143: "SIGTERM",
};

function toOutcome({ State: state, RestartCount: restarts, HostConfig: host }: Facts): Outcome {
  if (state.Error && !state.Running && state.StartedAt.startsWith("0001")) {
    return { code: "START_FAILED", cause: `could not be started: ${state.Error}` };
  }
  if (state.OOMKilled) {
    const limit = host.Memory ? ` (its limit is ${Math.round(host.Memory / 2 ** 20)} MB)` : "";
    return { code: "OOM", cause: `was ended for want of memory${limit}`, hint: "Give it more: --memory 1g" };
  }
  if (restarts > 0 && (state.Restarting || !state.Running || state.ExitCode !== 0)) {
    return {
      code: "CRASH_LOOP",
      cause: `keeps crashing: it was restarted ${restarts} times, and last ${toEnd(state.ExitCode)}`,
    };
  }
  if (!state.Running) return { code: "EXITED", cause: toEnd(state.ExitCode) };
  const { Status: health, FailingStreak: streak = 0, Log: log } = state.Health ?? {};
  if (health !== "unhealthy") return { code: "NOT_READY", cause: "runs, and is not ready" };
  const said = (log?.at(-1)?.Output ?? "").trim().slice(-200);
  return {
    code: "UNHEALTHY",
    cause: `runs, and is unhealthy: ${streak} checks in a row have failed${said === "" ? "" : `, the last one with "${said}"`}`,
  };
}

function toEnd(exitCode: number): string {
  if (exitCode === 126) return "ended with code 126 (its command cannot be executed)";
  if (exitCode === 127) return "ended with code 127 (its command was not found)";
  const signal = SIGNALS[exitCode];
  return signal === undefined ? `ended with code ${exitCode}` : `was ended by ${signal} (code ${exitCode})`;
}

interface Rule {
  readonly code: string;
  readonly pattern: RegExp;
  readonly hint: (match: RegExpExecArray) => string;
}

const MODULE_ADVICE =
  'is it in "dependencies" of package.json, not in "devDependencies", and not left out by .dockerignore?';

/** The first that matches counts: causes before what follows from them. */
const RULES: readonly Rule[] = [
  {
    code: "DB_AUTH",
    pattern: /(?:password authentication failed for|refused the password of) user "([^"]+)"/,
    hint: ([, user]) =>
      `Postgres refuses the password of ${user}: its data were made with another one. Put the old POSTGRES_PASSWORD ` +
      `back, set the new one (aegra psql, then \\password ${user}), or begin anew without the data: aegra down --volumes`,
  },
  {
    code: "DB_MAJOR",
    pattern:
      /database files are incompatible with server(?:[\s\S]*?initialized by PostgreSQL version (\d+))?/,
    hint: ([, major]) =>
      `The data were made by another version of Postgres${major ? `, ${major}` : ""}: use its image ` +
      `(--postgres-image pgvector/pgvector:pg${major ?? "…"}), or dump the data with it and restore them.`,
  },
  {
    code: "NO_PGVECTOR",
    pattern: /extension "vector" is not available|could not open extension control file.*vector/,
    hint: () => "The Postgres has no pgvector: use an image that has it, such as pgvector/pgvector:pg17.",
  },
  {
    code: "HEAP",
    pattern: /JavaScript heap out of memory/,
    hint: () =>
      "Node.js ran out of heap: give it more with --memory, or NODE_OPTIONS=--max-old-space-size=2048.",
  },
  {
    code: "MODULE",
    pattern: /Cannot find (?:module|package) '([^']+)'/,
    hint: ([, name]) => `${name} is not in the image: ${MODULE_ADVICE}`,
  },
  {
    code: "MODULE",
    pattern: /ERR_MODULE_NOT_FOUND/,
    hint: () => `A module is not in the image: ${MODULE_ADVICE}`,
  },
  {
    code: "MISSING_ENV",
    pattern:
      /\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b[^\n]{0,80}(?:is required|is not set|not found|is missing|must be set|missing or empty)|(?:[Mm]issing|set)\b[^\n]{0,40}environment variable[^\n]{0,20}?\b([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b/,
    hint: ([, first, second]) => `Set ${first ?? second} in .env, or in a file given with --env-file.`,
  },
  {
    code: "PORT",
    pattern: /EADDRINUSE/,
    hint: () => "Another process in the container listens on the port already.",
  },
  {
    code: "DB_DOWN",
    pattern: /ECONNREFUSED [^\n]*:5432|database (?:server )?cannot be reached/i,
    hint: () =>
      "Postgres cannot be reached from the container: there, localhost is the container. The machine itself is host.docker.internal.",
  },
  {
    code: "DISK_FULL",
    pattern: /ENOSPC|No space left on device/i,
    hint: () => "The disk of the engine is full: docker system df",
  },
  {
    code: "ARCHITECTURE",
    pattern: /exec format error/i,
    hint: () => "The image is of another processor: build it here, or with --platform.",
  },
  {
    code: "COMMAND",
    pattern: /executable file not found/i,
    hint: () => "The image has no such program: was it made by aegra build?",
  },
  {
    code: "PERMISSION",
    pattern: /EACCES|permission denied/i,
    hint: () => "The user of the image, 1000, may not do that: it can change nothing below /app.",
  },
];

function explainText(written: string): { readonly code: string; readonly hint: string } | null {
  // The server writes JSON.
  const text = written.replaceAll('\\"', '"');
  for (const { code, pattern, hint } of RULES) {
    const match = pattern.exec(text);
    if (match !== null) return { code, hint: hint(match) };
  }
  return null;
}
