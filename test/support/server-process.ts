import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { Client } from "@langchain/langgraph-sdk";
import { onTestFinished } from "vitest";
import { redisVariables } from "./redis-variables.ts";

/** The project that is served: its graphs, and a tsconfig.json with path aliases. */
const PROJECT = path.resolve(import.meta.dirname, "../fixtures/graphs/aliased");
const SCRIPT = path.resolve(import.meta.dirname, "../fixtures/start-server.ts");

/** A server in a process of its own, started as in production, and without the settings of the test run. */
export async function serverProcess(databaseUrl: string, variables: Record<string, string> = {}) {
  const { LANGCHAIN_CALLBACKS_BACKGROUND: _, ...environment } = process.env;
  const child = spawn(process.execPath, [SCRIPT, PROJECT, databaseUrl], {
    env: { ...environment, LOG_LEVEL: "error", ...redisVariables(databaseUrl), ...variables },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const exited = once(child, "exit");
  const kill = async () => {
    child.kill("SIGKILL");
    await exited;
  };
  onTestFinished(kill);
  const { value: url } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next();
  if (url === undefined) throw new Error("the server process ended before it was ready");
  return {
    url,
    client: new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } }),
    kill,
    /** Stops it where it is, without its noticing. */
    pause: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}
