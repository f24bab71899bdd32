import { readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@langchain/langgraph-sdk";
import { request } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { cliProject, isAlive, type RunningCli, startCli } from "../../support/cli.ts";
import { CHAT, configOf, graphOf } from "../../support/cli-graphs.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { emptyDatabaseUrl } from "../../support/empty-database.ts";

const isWindows = process.platform === "win32";
/** What every process of the command says when it serves. */
const READY = "server ready";

const logged = (serve: RunningCli, message: string) => serve.events().filter(({ msg }) => msg === message);

/** The processes that have become ready so far, in that order. */
const readyPids = (serve: RunningCli) => logged(serve, READY).map(({ pid }) => Number(pid));

async function untilReady(serve: RunningCli, count: number) {
  await waitUntil(() => {
    if (serve.process.exitCode !== null) throw new Error(`ended:\n${serve.stdout()}\n${serve.stderr()}`);
    return readyPids(serve).length >= count;
  });
  const url = String(logged(serve, READY)[0]?.["url"]);
  return { url, client: new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } }) };
}

async function waitUntil(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1500; tries++) {
    if (await isTrue()) return;
    await sleep(20);
  }
  throw new Error("it did not become true within thirty seconds");
}

/** Over a connection of its own: each goes to the next process. */
async function statusOf(url: string): Promise<number> {
  const { statusCode, body } = await request(url, { reset: true });
  await body.dump();
  return statusCode;
}

/** A project whose graph writes the id of its process to `begun`, then goes on for a time. */
const slowProject = (delayMs: number, databaseUrl: string) =>
  cliProject({
    "aegra.json": configOf({ slow: "./slow.ts:graph" }),
    "slow.ts": graphOf(
      `appendFileSync("begun", process.pid + "\\n"); await sleep(${delayMs}); return { value: "done" };`,
    ),
    ".env": `PORT=0\nDATABASE_URL=${databaseUrl}\n`,
  });

/** @returns the run, and the process that executes it */
async function startSlowRun(cwd: string, client: Client) {
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "slow", { input: {} });
  const pids = async () => (await readFile(path.join(cwd, "begun"), "utf8").catch(() => "")).split("\n");
  await waitUntil(async () => (await pids()).length > 1);
  return { thread_id, run_id, pid: Number((await pids())[0]) };
}

const alive = (pids: readonly number[]) => pids.filter(isAlive);

test("several processes answer on one port, and one of them makes the tables", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf(CHAT),
    ".env": `PORT=0\nDATABASE_URL=${await emptyDatabaseUrl()}\nLOG_LEVEL=debug\n`,
  });
  const serve = startCli({ cwd }, "serve", "--workers", "3");
  const { url, client } = await untilReady(serve, 3);

  const pids = new Set(readyPids(serve));
  expect(pids.size).toBe(3);
  expect(pids).not.toContain(serve.process.pid);
  expect(new Set(logged(serve, READY).map((line) => line["url"]))).toEqual(new Set([url]));
  expect(logged(serve, "database upgraded")).toHaveLength(1);
  for (let count = 0; count < 6; count++) expect(await statusOf(`${url}/info`)).toBe(200);
  await waitUntil(() => logged(serve, "request").length >= 6);
  expect(new Set(logged(serve, "request").map(({ pid }) => pid))).toEqual(pids);
  await waitUntil(() => logged(serve, "all server processes ready").length === 1);

  const input = { messages: [{ role: "user", content: "hi" }] };
  expect(await client.runs.wait(null, "agent", { input })).toHaveProperty("messages");
  if (isWindows) return;
  serve.process.kill("SIGTERM");
  expect((await serve.ended).code).toBe(0);
  expect(alive([...pids])).toEqual([]);
});

test("the number can come from the project's environment, and the roles go with it", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf(CHAT),
    ".env": `PORT=0\nDATABASE_URL=${await testDatabaseUrl()}\nWEB_CONCURRENCY=2\n`,
  });
  const serve = startCli({ cwd }, "serve", "--role", "worker");
  const { url } = await untilReady(serve, 2);

  for (let count = 0; count < 2; count++) {
    expect(await statusOf(`${url}/ready`)).toBe(200);
    expect(await statusOf(`${url}/assistants/x`)).toBe(404);
  }
});

test("one worker is the process itself", async () => {
  const cwd = await slowProject(0, await testDatabaseUrl());
  const serve = startCli({ cwd, env: { WEB_CONCURRENCY: "2" } }, "serve", "--workers", "1");
  await untilReady(serve, 1);

  expect(readyPids(serve)).toEqual([serve.process.pid]);
});

test.skipIf(isWindows)("a process that is killed is replaced, and its run finished", async () => {
  const cwd = await slowProject(3000, await testDatabaseUrl());
  const env = { LEASE_DURATION_SECONDS: "1" };
  const serve = startCli({ cwd, env }, "serve", "--workers", "2");
  const { client } = await untilReady(serve, 2);
  const { thread_id, run_id, pid } = await startSlowRun(cwd, client);
  process.kill(pid, "SIGKILL");

  await client.runs.join(thread_id, run_id);
  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
  await untilReady(serve, 3);
  expect(logged(serve, "server process ended")).toEqual([
    expect.objectContaining({ ended_pid: pid, how: "SIGKILL", pid: serve.process.pid }),
  ]);
  expect(alive(readyPids(serve))).toHaveLength(2);
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "success" })]);
});

test.skipIf(isWindows)("when the command is killed, its processes hand their runs back and end", async () => {
  const cwd = await slowProject(600_000, await testDatabaseUrl());
  const serve = startCli({ cwd }, "serve", "--workers", "2", "--drain-timeout", "0");
  const { client } = await untilReady(serve, 2);
  const { run_id } = await startSlowRun(cwd, client);
  serve.process.kill("SIGKILL");

  await waitUntil(() => alive(readyPids(serve)).length === 0);
  await serve.ended;
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "handed_back" })]);
});

test.skipIf(isWindows)("SIGTERM is heard by all, whose runs finish or are handed back", async () => {
  const cwd = await slowProject(2500, await testDatabaseUrl());
  const serve = startCli({ cwd }, "serve", "--workers", "2", "--drain-timeout", "60");
  const { url, client } = await untilReady(serve, 2);
  const { run_id } = await startSlowRun(cwd, client);
  serve.process.kill("SIGTERM");

  // The one without a run ends at once. Whoever it has not answered by then is cut off.
  const answers: number[] = [];
  await waitUntil(async () => {
    answers.push(await statusOf(`${url}/ready`).catch(() => 503));
    return alive(readyPids(serve)).length === 1;
  });
  for (let count = 0; count < 4; count++) answers.push(await statusOf(`${url}/ready`));
  expect(answers.slice(answers.indexOf(503))).not.toContain(200);
  expect(answers.slice(-4)).toEqual(Array(4).fill(503));
  expect((await serve.ended).code).toBe(0);
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "success" })]);
  expect(logged(serve, "server process ended")).toEqual([]);
});

test.skipIf(isWindows)("a signal that all processes get is one request, and one more ends them", async () => {
  const cwd = await slowProject(600_000, await testDatabaseUrl());
  const serve = startCli({ cwd }, "serve", "--workers", "2", "--drain-timeout", "600");
  const { client } = await untilReady(serve, 2);
  const { pid } = await startSlowRun(cwd, client);
  const group = [...readyPids(serve), Number(serve.process.pid)];
  const tell = (signal: NodeJS.Signals) => {
    for (const member of alive(group)) process.kill(member, signal);
  };
  tell("SIGINT");
  await waitUntil(() => alive(readyPids(serve)).length === 1);
  // Longer than a signal counts as the same key.
  await sleep(700);
  expect(alive(group)).toEqual([pid, serve.process.pid]);
  expect(logged(serve, "server process ended")).toEqual([]);

  tell("SIGTERM");
  expect((await serve.ended).code).toBe(143);
  await waitUntil(() => alive(group).length === 0);
});

test.skipIf(isWindows)("one process can be stopped by itself, and is replaced", async () => {
  const cwd = await slowProject(600_000, await testDatabaseUrl());
  const serve = startCli({ cwd }, "serve", "--workers", "2", "--drain-timeout", "0");
  const { client } = await untilReady(serve, 2);
  const { run_id, pid } = await startSlowRun(cwd, client);
  process.kill(pid, "SIGTERM");

  await untilReady(serve, 3);
  expect(logged(serve, "run ended")).toEqual([expect.objectContaining({ run_id, outcome: "handed_back" })]);
  expect(logged(serve, "server process ended")).toEqual([
    expect.objectContaining({ ended_pid: pid, how: "exit code 0" }),
  ]);
});

test("a port that is taken, or a graph that cannot be loaded, is told once", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void other.close());
  await waitUntil(() => other.address() !== null);
  const port = String((other.address() as AddressInfo).port);
  const cwd = await cliProject({ "aegra.json": configOf(CHAT) });
  const database = ["--database-url", await testDatabaseUrl()];
  const taken = startCli({ cwd }, "serve", "--workers", "2", "--host", "127.0.0.1", "-p", port, ...database);
  const { code, stderr } = await taken.ended;
  expect(code).toBe(21);
  expect(stderr.match(/Port \d+ is in use/g)).toEqual([`Port ${port} is in use`]);

  const bad = await cliProject({
    "aegra.json": configOf({ bad: "./good.ts:grpah" }),
    "good.ts": graphOf("return { value: '' };"),
  });
  const failed = await startCli({ cwd: bad }, "serve", "--workers", "2", "-p", "0", ...database).ended;
  expect(failed.code).toBe(1);
  expect(failed.stderr.match(/no export 'grpah'/g)).toHaveLength(1);
});

test.skipIf(isWindows)("when none can be started again, the command ends and says why", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ fragile: "./fragile.ts:graph" }),
    "fragile.ts": graphOf(
      "return { value: '' };",
      'import { existsSync } from "node:fs";\nif (existsSync("broken")) throw new Error("it is broken");',
    ),
    ".env": `PORT=0\nDATABASE_URL=${await testDatabaseUrl()}\n`,
  });
  const serve = startCli({ cwd }, "serve", "--workers", "2");
  await untilReady(serve, 2);
  await writeFile(path.join(cwd, "broken"), "");
  for (const pid of readyPids(serve)) process.kill(pid, "SIGKILL");

  const { code, stderr } = await serve.ended;
  expect(code).toBe(1);
  expect(stderr.match(/it is broken/g)).toHaveLength(1);
  // Two that were killed, and the starts that failed before the last one.
  expect(logged(serve, "server process ended").length).toBeGreaterThanOrEqual(6);
});

test.skipIf(isWindows)(
  "when all were lost at once, they come back on the port that clients know",
  async () => {
    const cwd = await slowProject(0, await testDatabaseUrl());
    const serve = startCli({ cwd }, "serve", "--workers", "2");
    const { url } = await untilReady(serve, 2);
    for (const pid of readyPids(serve)) process.kill(pid, "SIGKILL");

    await untilReady(serve, 4);
    expect(logged(serve, READY).map((line) => line["url"])).toEqual(Array(4).fill(url));
    expect(await statusOf(`${url}/ready`)).toBe(200);
  },
);

test.each(["0", "-1", "1.5", "many", "129", ""])("%j is no number of workers", async (text) => {
  const cwd = await slowProject(0, "postgres://me@127.0.0.1:1/none");
  const { code, stderr } = await startCli({ cwd }, "serve", `--workers=${text}`).ended;
  expect(code).toBe(2);
  expect(stderr).toContain("from 1 to 128, or auto");
});
