import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { inject, onTestFinished } from "vitest";
import { REPOSITORY } from "./scaffold.ts";

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** A command that is running, and what it has printed so far. */
export interface RunningCli {
  readonly process: ChildProcess;
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** The JSON lines on stdout; throws on a line that is not JSON. */
  events(): Record<string, unknown>[];
  /**
   * Waits for the n-th event of a kind, the first one unless told.
   * @throws with everything that was printed when the command ends before
   */
  event(name: string, nth?: number): Promise<Record<string, unknown>>;
  /** Waits until a text was printed, on either stream. */
  text(wanted: string): Promise<void>;
  ended: Promise<Outcome>;
}

/**
 * A project folder with these files, inside the repository, so that they can import what it has installed.
 * Removed when the test ends.
 */
export async function cliProject(files: Readonly<Record<string, string>>): Promise<string> {
  const parent = path.join(REPOSITORY, ".aegra");
  await mkdir(parent, { recursive: true });
  const root = await mkdtemp(path.join(parent, "test-"));
  // As root, Postgres runs as another user, who must be able to pass.
  await chmod(root, 0o755);
  onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  for (const [name, content] of Object.entries(files)) {
    await mkdir(path.dirname(path.join(root, name)), { recursive: true });
    await writeFile(path.join(root, name), content);
  }
  return root;
}

/**
 * The packed program where there is one, installed apart from the project like with npx; else the sources.
 * What the run does not provide is undefined, whatever the type says.
 */
const program = (): string =>
  (inject("packagedProgram") as string | undefined) ?? path.join(REPOSITORY, "bin", "dev.js");

/** Runs a command, in a process of its own and without a terminal, to its end. */
export const runCli = (options: CliOptions, ...args: string[]): Promise<Outcome> =>
  startCli(options, ...args).ended;

export function startCli({ cwd, env }: CliOptions, ...args: string[]): RunningCli {
  const child = spawn(process.execPath, [program(), ...args], {
    cwd,
    env: { ...bareEnvironment(), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close").then(([code]): Outcome => ({ code, stdout, stderr }));
  // Asked, so that it takes its own children along.
  onTestFinished(async () => {
    child.kill("SIGTERM");
    const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
    await ended;
    clearTimeout(timer);
  });

  const events = () =>
    stdout
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const until = async <T>(find: () => T | undefined, what: string): Promise<T> => {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      if (child.exitCode !== null) throw new Error(`ended without ${what}:\n${stdout}\n${stderr}`);
      await sleep(10);
    }
  };
  return {
    process: child,
    stdout: () => stdout,
    stderr: () => stderr,
    events,
    event: (name, nth = 1) =>
      until(() => events().filter(({ event }) => event === name)[nth - 1], `event ${name}`),
    text: async (wanted) => {
      await until(() => ((stdout + stderr).includes(wanted) ? true : undefined), `"${wanted}"`);
    },
    ended,
  };
}

/** What a process needs on any system, without the settings of whoever runs the tests. */
function bareEnvironment(): NodeJS.ProcessEnv {
  const names = ["PATH", "Path", "HOME", "USERPROFILE", "SystemRoot", "TEMP", "TMP", "TMPDIR", "APPDATA"];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
}

/** Whether a process with this id exists. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // No such process: the answer.
    return false;
  }
}
