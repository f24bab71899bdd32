import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@langchain/langgraph-sdk";
import { expect, onTestFinished, test } from "vitest";
import { cliProject, type RunningCli, runCli, startCli } from "../../support/cli.ts";
import { CHAT, configOf, graphOf } from "../../support/cli-graphs.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { emptyDatabaseUrl } from "../../support/empty-database.ts";

const isWindows = process.platform === "win32";

/** Lines of the log with this message. */
const logged = (serve: RunningCli, message: string) => serve.events().filter(({ msg }) => msg === message);

async function clientOf(serve: RunningCli): Promise<Client> {
  await serve.text('"server ready"');
  const [ready] = logged(serve, "server ready");
  return new Client({ apiUrl: String(ready?.["url"]), callerOptions: { maxRetries: 0 } });
}

/** A project whose graph writes `begun`, then goes on for a time. */
async function slowProject(delayMs: number): Promise<string> {
  return cliProject({
    "aegra.json": configOf({ slow: "./slow.ts:graph" }),
    "slow.ts": graphOf(`appendFileSync("begun", ""); await sleep(${delayMs}); return { value: "done" };`),
    ".env": `PORT=0\nDATABASE_URL=${await testDatabaseUrl()}\n`,
  });
}

async function startSlowRun(cwd: string, serve: RunningCli) {
  const client = await clientOf(serve);
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "slow", { input: {} });
  while ((await readFile(path.join(cwd, "begun")).catch(() => null)) === null) await sleep(20);
  return { thread_id, run_id };
}

test("a database without tables is refused with --no-migrate, and served after db upgrade", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf(CHAT),
    ".env": `AEGRA_PORT=0\nDATABASE_URL=${await emptyDatabaseUrl()}\n`,
  });
  const refused = await runCli({ cwd }, "serve", "--no-migrate");
  expect(refused.code).toBe(25);
  expect(refused.stderr).toContain("aegra db upgrade");

  expect((await runCli({ cwd }, "db", "status")).stdout).toMatch(/^pending {2}-.* 0001_initial$/m);
  expect((await runCli({ cwd }, "db", "upgrade")).stdout).toMatch(/^applied {2}0001_initial$/m);
  expect((await runCli({ cwd }, "db", "upgrade")).stdout).toBe("The tables are up to date.\n");
  const history = JSON.parse((await runCli({ cwd }, "db", "history", "--json")).stdout);
  expect(history.data.applied[0]).toEqual({
    name: "0001_initial",
    applied_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
  });

  const serve = startCli({ cwd }, "serve", "--no-migrate");
  await clientOf(serve);
  serve.process.kill("SIGTERM");
  expect((await serve.ended).code).toBe(isWindows ? null : 0);
});

test.skipIf(isWindows)("SIGTERM lets a run finish, and leaves with 0", async () => {
  const cwd = await slowProject(1500);
  const serve = startCli({ cwd }, "serve");
  const { run_id } = await startSlowRun(cwd, serve);
  serve.process.kill("SIGTERM");

  expect((await serve.ended).code).toBe(0);
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "success" })]);
});

test.skipIf(isWindows)("a run that takes longer than the drain timeout is handed back", async () => {
  const cwd = await slowProject(600_000);
  const serve = startCli({ cwd }, "serve", "--drain-timeout", "0");
  const { run_id } = await startSlowRun(cwd, serve);
  serve.process.kill("SIGINT");

  expect((await serve.ended).code).toBe(0);
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "handed_back" })]);
});

test.skipIf(isWindows)("who asks a second time does not wait for the runs", async () => {
  const cwd = await slowProject(600_000);
  const serve = startCli({ cwd }, "serve");
  await startSlowRun(cwd, serve);
  serve.process.kill("SIGTERM");
  await sleep(700);
  expect(serve.process.exitCode).toBeNull();
  serve.process.kill("SIGTERM");
  expect((await serve.ended).code).toBe(143);
});

test("a graph that cannot be loaded is named, and nothing is served", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ bad: "./good.ts:grpah" }),
    "good.ts": graphOf("return { value: '' };"),
  });
  const database = ["--database-url", await testDatabaseUrl()];
  const { code, stderr } = await runCli({ cwd }, "serve", "-p", "0", ...database);
  expect(code).toBe(1);
  expect(stderr).toMatch(/good\.ts:grpah.*no export 'grpah'.*exports: graph/);
});

test("a promise that a graph forgot does not end the server", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ careless: "./careless.ts:graph" }),
    "careless.ts": graphOf(
      "void Promise.reject(new Error('nobody waits')); await sleep(50); return { value: 'ok' };",
    ),
  });
  const serve = startCli({ cwd }, "serve", "-p", "0", "--database-url", await testDatabaseUrl());
  const client = await clientOf(serve);
  expect(await client.runs.wait(null, "careless", { input: {} })).toEqual({ value: "ok" });
  expect(await client.runs.wait(null, "careless", { input: {} })).toEqual({ value: "ok" });
  expect(logged(serve, "unhandled rejection")[0]).toMatchObject({ err: { message: "nobody waits" } });
});

test("a port that is taken ends it with 21", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  while (other.address() === null) await sleep(5);
  const port = String((other.address() as AddressInfo).port);
  const cwd = await cliProject({ "aegra.json": configOf(CHAT) });
  const address = ["--host", "127.0.0.1", "--port", port];
  const database = ["--database-url", await testDatabaseUrl()];
  const { code, stderr } = await runCli({ cwd }, "serve", ...address, ...database);
  expect(code).toBe(21);
  expect(stderr).toContain(`Port ${port} is in use`);
});

test("without a database, or with one that cannot be reached, it ends with 3 and says how to go on", async () => {
  const cwd = await cliProject({ "aegra.json": configOf(CHAT) });
  const missing = await runCli({ cwd }, "serve");
  expect(missing.code).toBe(3);
  expect(missing.stderr).toContain("DATABASE_URL");

  const url = "postgres://someone:geheim@127.0.0.1:1/nothing";
  const unreachable = await runCli({ cwd, env: { AEGRA_DATABASE_URL: url } }, "serve", "--json");
  expect(unreachable.code).toBe(3);
  expect(JSON.parse(unreachable.stdout).error.code).toBe("DATABASE_UNAVAILABLE");
  expect(unreachable.stdout).not.toContain("geheim");
});
