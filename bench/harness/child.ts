import { type ChildProcess, execFile, spawn } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** A process of the benchmark. Disposing it stops it, first with a request, then by force. */
export interface Child extends AsyncDisposable {
  readonly process: ChildProcess;
  readonly pid: number;
  /** Resident memory, in megabytes of 10^6 bytes. */
  memoryMegabytes(): Promise<number>;
  /** The last that it wrote, for whoever has to tell why it ended. */
  lastOutput(): string;
}

export interface ChildOptions {
  readonly cwd: string;
  readonly variables?: Readonly<Record<string, string>>;
  /** Opens a channel for messages. */
  readonly ipc?: boolean;
}

const KEPT_OUTPUT_CHARS = 4000;
const STOP_MS = 10_000;
const run = promisify(execFile);

/** Starts Node with these arguments, in the same environment for every side. */
export function startChild(
  args: readonly string[],
  { cwd, variables = {}, ipc = false }: ChildOptions,
): Child {
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...commonEnvironment(), ...variables },
    stdio: ["ignore", "pipe", "pipe", ...(ipc ? (["ipc"] as const) : [])],
  });
  let output = "";
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT_CHARS);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  // However this process ends, it leaves none behind.
  const stop = () => void child.kill("SIGTERM");
  process.once("exit", stop);
  const ended = new Promise<void>((resolve) => {
    child.once("close", () => {
      process.off("exit", stop);
      resolve();
    });
  });
  return {
    process: child,
    // Without one the process could not be started, which its event tells.
    pid: child.pid ?? -1,
    lastOutput: () => output,
    async memoryMegabytes() {
      const { stdout } = await run("ps", ["-o", "rss=", "-p", String(child.pid)]);
      return (Number(stdout) * 1024) / 1e6;
    },
    async [Symbol.asyncDispose]() {
      stop();
      const force = new AbortController();
      const killed = sleep(STOP_MS, undefined, { signal: force.signal }).then(
        () => child.kill("SIGKILL"),
        () => undefined,
      );
      await ended;
      force.abort();
      await killed;
    },
  };
}

/** Without what would trace runs to somewhere, and with what keeps LangChain from losing tokens. */
function commonEnvironment(): NodeJS.ProcessEnv {
  const settings =
    /^(AEGRA|LANG(CHAIN|SMITH|GRAPH))_|^(DATABASE_UR[IL]|POSTGRES_URI|N_JOBS_PER_WORKER|PORT)$/;
  const kept = Object.entries(process.env).filter(([name]) => !settings.test(name));
  return { ...Object.fromEntries(kept), LANGCHAIN_CALLBACKS_BACKGROUND: "false", LOG_LEVEL: "warn" };
}
