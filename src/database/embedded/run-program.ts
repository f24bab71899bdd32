import { type SpawnOptions, spawn } from "node:child_process";
import path from "node:path";
import type { OsUser } from "./os-user.ts";

export interface RunOptions {
  /** Whose rights the program runs with; null = ours. */
  readonly user?: OsUser | null;
  /** Written to its standard input. */
  readonly input?: string;
  /** Aborting ends the program and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface ProgramResult {
  /** Null when it could not be started or a signal ended it. */
  readonly code: number | null;
  /** Standard output and standard error, or why it could not be started. */
  readonly output: string;
}

/** Options that every program of Postgres is started with. */
export function spawnOptions(program: string, user: OsUser | null): SpawnOptions {
  return {
    // The project's folder may be closed to the user that Postgres runs as.
    cwd: path.dirname(program),
    // A group of its own, which Ctrl-C in the terminal does not reach: Postgres must outlive the server's drain.
    // On Windows this would open a console window instead.
    detached: process.platform !== "win32",
    windowsHide: true,
    ...(user === null ? {} : { uid: user.uid, gid: user.gid }),
  };
}

/** Runs a program to its end. A failing program is a result, not an error. */
export async function runProgram(
  program: string,
  args: readonly string[],
  { user = null, input = "", signal }: RunOptions,
): Promise<ProgramResult> {
  signal?.throwIfAborted();
  const child = spawn(program, args, { ...spawnOptions(program, user), stdio: "pipe" });
  const stop = () => child.kill();
  signal?.addEventListener("abort", stop, { once: true });
  try {
    const result = await new Promise<ProgramResult>((resolve) => {
      const chunks: Buffer[] = [];
      const collect = (chunk: Buffer) => chunks.push(chunk);
      child.stdout?.on("data", collect);
      child.stderr?.on("data", collect);
      // Its input may close before all is written; how it ended says why.
      child.stdin?.on("error", () => undefined);
      child.on("error", (error) => resolve({ code: null, output: error.message }));
      child.on("close", (code) => resolve({ code, output: Buffer.concat(chunks).toString("utf8") }));
      child.stdin?.end(input);
    });
    signal?.throwIfAborted();
    return result;
  } finally {
    signal?.removeEventListener("abort", stop);
  }
}
