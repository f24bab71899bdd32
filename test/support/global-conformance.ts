import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { statSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import pg from "pg";
import type { TestProject } from "vitest/node";
import { npm } from "./npm.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The packed program, serving the graphs of test/conformance as in production. */
    conformanceServerUrl: string;
  }
}

const PROJECT = path.resolve(import.meta.dirname, "../conformance");

/**
 * Installs the pinned clients where they are not, and serves the project that they talk to with the packed
 * program, for as long as the run takes.
 *
 * The run fails when the server has logged an error: nothing that a client of the protocol does is one.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  installClients();
  const { databaseServerUrl, packagedProgram } = project.getProvidedContext();
  const database = await createDatabase(databaseServerUrl);
  const server = await serve(packagedProgram, database.url);
  project.provide("conformanceServerUrl", server.url);
  return async () => {
    const errors = await server.stop();
    await database.drop();
    if (errors.length > 0) throw new Error(`The server logged errors:\n${errors.join("\n")}`);
  };
}

/** npm writes a lock of its own into node_modules; the clients are stale when ours is newer. */
function installClients(): void {
  const installed = statSync(path.join(PROJECT, "node_modules", ".package-lock.json"), {
    throwIfNoEntry: false,
  });
  const wanted = statSync(path.join(PROJECT, "package-lock.json"));
  if (installed !== undefined && installed.mtimeMs >= wanted.mtimeMs) return;
  const [command, ...args] = npm("ci", "--no-audit", "--no-fund", "--prefer-offline");
  execFileSync(command, args, { cwd: PROJECT, stdio: ["ignore", "ignore", "inherit"] });
}

async function createDatabase(serverUrl: string): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const name = `aegra_conformance_${randomUUID().replaceAll("-", "")}`;
  await execute(serverUrl, `create database ${name}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => execute(serverUrl, `drop database ${name} with (force)`) };
}

async function execute(databaseUrl: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function serve(program: string, databaseUrl: string) {
  const args = ["serve", "--host", "127.0.0.1", "--port", "0", "--database-url", databaseUrl];
  const child = spawn(process.execPath, [program, ...args], {
    cwd: PROJECT,
    env: withoutSettings(process.env),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const errors: string[] = [];
  const url = await readyUrl(child, (line) => errors.push(line));
  return {
    url,
    async stop(): Promise<readonly string[]> {
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await exited;
      clearTimeout(timer);
      return errors;
    },
  };
}

/** Reads the log: first up to the address, then on for the errors in it. */
async function readyUrl(child: ChildProcess, onError: (line: string) => void): Promise<string> {
  if (child.stdout === null) throw new Error("no output to read");
  const ready = Promise.withResolvers<string>();
  const lines = createInterface({ input: child.stdout });
  lines.on("line", (line) => {
    const { level, msg, url } = JSON.parse(line) as Record<string, unknown>;
    if (msg === "server ready") ready.resolve(String(url));
    if (typeof level === "number" ? level >= 50 : level === "error" || level === "fatal") onError(line);
  });
  lines.once("close", () => ready.reject(new Error("aegra serve ended before it was ready")));
  return ready.promise;
}

/** What would configure the server, name a provider's key or send traces somewhere stays outside. */
const withoutSettings = (environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(environment).filter(
      ([name]) => !/^(AEGRA_|DATABASE_|POSTGRES_|PG|PORT$|OPENAI_|ANTHROPIC_|LANG|VITEST|npm_)/.test(name),
    ),
  );
