import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { inject, onTestFinished } from "vitest";
import { npm } from "./npm.ts";

const run = promisify(execFile);

export interface PackagedProject {
  readonly directory: string;
  /** Starts `aegra dev` and waits until it is ready. */
  dev(options?: { readonly node?: string }): Promise<DevServer>;
}

export interface DevServer {
  readonly url: string;
  readonly client: Client;
  /** Kills supervisor and server like a power cut would. */
  kill(): Promise<void>;
  /** Ctrl-C. @returns the exit code */
  stop(): Promise<number | null>;
}

/**
 * The way of a user: the packed package in an empty folder, `aegra init`, `npm install`. The project takes
 * aegra from the tarball, since this version is on no registry.
 */
export async function packagedProject(template: string): Promise<PackagedProject> {
  const root = await mkdtemp(path.join(tmpdir(), "aegra-e2e-"));
  onTestFinished(() => rm(root, { recursive: true, force: true, maxRetries: 5 }));
  // As root, Postgres runs as another user, who must be able to pass.
  await chmod(root, 0o755);
  const directory = path.join(root, "project");
  const program = inject("packagedProgram");
  await run(process.execPath, [program, "init", directory, "-t", template, "-y", "--no-install"]);

  const manifestFile = path.join(directory, "package.json");
  const manifest = JSON.parse(await readFile(manifestFile, "utf8")) as {
    dependencies: Record<string, string>;
  };
  manifest.dependencies["aegra"] = `file:${inject("packageTarball")}`;
  await writeFile(manifestFile, JSON.stringify(manifest));
  await install(directory);

  return { directory, dev: ({ node = process.execPath } = {}) => startDev(directory, node) };
}

async function install(directory: string): Promise<void> {
  const [command, ...args] = npm("install", "--no-audit", "--no-fund", "--prefer-offline");
  await run(command, args, { cwd: directory });
}

async function startDev(directory: string, node: string): Promise<DevServer> {
  const aegra = path.join(directory, "node_modules", "aegra", "bin", "run.js");
  const child = spawn(node, [aegra, "dev", "--port", "0", "--json"], {
    cwd: directory,
    stdio: ["ignore", "pipe", "pipe"],
    env: withoutProjectVariables(process.env),
  });
  const exited = once(child, "exit");
  const errors: string[] = [];
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  onTestFinished(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await exited;
  });

  const ready = await firstEvent(child, "ready", () => errors.join(""));
  const url = String(ready["url"]);
  const serverPid = Number(ready["pid"]);
  return {
    url,
    client: new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } }),
    async kill() {
      child.kill("SIGKILL");
      if (Number.isInteger(serverPid)) killIfAlive(serverPid);
      await exited;
    },
    async stop() {
      child.kill("SIGINT");
      const [code] = (await exited) as [number | null];
      return code;
    },
  };
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It noticed that its supervisor is gone and was faster.
  }
}

async function firstEvent(
  child: ChildProcess,
  name: string,
  errors: () => string,
): Promise<Record<string, unknown>> {
  if (child.stdout === null) throw new Error("no output to read");
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line) as Record<string, unknown>;
    if (event["event"] === name) {
      child.stdout.resume();
      return event;
    }
  }
  throw new Error(`aegra dev ended before it was ${name}:\n${errors()}`);
}

/** The variables of the machine, without those that would configure the project or name a provider's key. */
const withoutProjectVariables = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(AEGRA_|DATABASE_|POSTGRES_|PG|PORT$|OPENAI_|ANTHROPIC_|LANGCHAIN_|npm_)/.test(name),
    ),
  );
