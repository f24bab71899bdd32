import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "@langchain/langgraph-sdk";
import { expect, test } from "vitest";
import { cliProject, isAlive, type RunningCli, runCli, startCli } from "../../support/cli.ts";
import { CHAT, configOf, graphOf } from "../../support/cli-graphs.ts";
import { testDatabaseUrl } from "../../support/database.ts";

const isWindows = process.platform === "win32";

/** Starts `aegra dev` on a database of the test's server, which is quicker than one of its own. */
async function startDev(cwd: string, ...args: string[]) {
  const database = ["--database-url", await testDatabaseUrl()];
  return startCli({ cwd }, "dev", "--json", "--port", "0", ...database, ...args);
}

async function clientOf(dev: RunningCli): Promise<Client> {
  const { url } = await dev.event("ready");
  return new Client({ apiUrl: String(url), callerOptions: { maxRetries: 0 } });
}

/** The process of the server, as a graph that tells sees it. */
async function serverPid(client: Client): Promise<number> {
  const { value } = (await client.runs.wait(null, "pid", { input: {} })) as { value: string };
  return Number(value);
}

const TELL_PID = graphOf("return { value: String(process.pid) };");

test("dev serves and streams, tells who has the port, and ends with 0 on Ctrl-C", async () => {
  const cwd = await cliProject({ "aegra.json": configOf(CHAT) });
  const dev = await startDev(cwd);
  const ready = await dev.event("ready");
  expect(ready).toEqual({
    event: "ready",
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    pid: expect.any(Number),
    database: { kind: "url", description: expect.stringMatching(/^Postgres \d+.* at /) },
    graphs: [{ graph_id: "agent", error: null }],
  });

  const client = await clientOf(dev);
  const input = { messages: [{ role: "user", content: "hello there" }] };
  const events = [];
  for await (const { event } of client.runs.stream(null, "agent", { input, streamMode: "messages-tuple" })) {
    events.push(event);
  }
  expect(events.filter((event) => event === "messages").length).toBeGreaterThan(2);

  const { port } = new URL(String(ready["url"]));
  const other = ["--database-url", await testDatabaseUrl(), "--port", port, "--json"];
  const { code, stdout } = await runCli({ cwd }, "dev", ...other);
  expect(code).toBe(21);
  expect(JSON.parse(stdout).error).toMatchObject({
    code: "PORT_IN_USE",
    message: expect.stringMatching(new RegExp(`Port ${port} is in use: another Aegra server \\(.+\\)`)),
    suggestions: expect.arrayContaining([expect.stringContaining("--port")]),
  });

  dev.process.kill("SIGINT");
  expect((await dev.ended).code).toBe(isWindows ? null : 0);
  // The log goes elsewhere: each line of stdout is an event.
  expect(dev.stderr()).toContain("server ready");
  if (!isWindows) expect(dev.events().map(({ event }) => event)).toEqual(["ready", "stopped"]);
});

test("a changed file restarts the server, and a run in flight goes on there, each step done once", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ slow: "./slow.ts:graph" }),
    "version.ts": "export const version = { name: 'old', delayMs: 600_000 };",
    "slow.ts": `
      import { appendFileSync } from "node:fs";
      import { setTimeout as sleep } from "node:timers/promises";
      import { Annotation, StateGraph } from "@langchain/langgraph";
      import { version } from "./version.ts";
      const note = (step: string) => appendFileSync(new URL("./steps.txt", import.meta.url), step + "\\n");
      export const graph = new StateGraph(Annotation.Root({ first: Annotation<string>, last: Annotation<string> }))
        .addNode("one", async () => { note("one"); return { first: version.name }; })
        .addNode("two", async () => {
          note("two begins");
          await sleep(version.delayMs);
          note("two ends");
          return { last: version.name };
        })
        .addEdge("__start__", "one").addEdge("one", "two").addEdge("two", "__end__").compile();`,
  });
  const steps = () => readFile(path.join(cwd, "steps.txt"), "utf8").catch(() => "");
  const dev = await startDev(cwd);
  const client = await clientOf(dev);
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "slow", { input: {} });
  while (!(await steps()).includes("two begins")) await sleep(20);

  await writeFile(path.join(cwd, "version.ts"), "export const version = { name: 'new', delayMs: 0 };");
  expect(await dev.event("reloading")).toEqual({ event: "reloading", file: "version.ts" });
  const { url } = await dev.event("ready", 2);
  expect(url).toBe((await dev.event("ready"))["url"]);

  expect(await client.runs.join(thread_id, run_id)).toEqual({ first: "old", last: "new" });
  expect((await client.runs.get(thread_id, run_id)).status).toBe("success");
  expect((await steps()).trim().split("\n")).toEqual(["one", "two begins", "two begins", "two ends"]);
});

test("mistakes are named while the rest is served, and corrected ones are picked up", async () => {
  const config = { good: "./good.ts:graph", bad: "./good.ts:grpah" };
  const cwd = await cliProject({
    "aegra.json": configOf(config),
    "good.ts": graphOf("return { value: process.env['WORD'] ?? 'none' };"),
  });
  const dev = await startDev(cwd);
  const { graphs } = await dev.event("ready");
  expect(graphs).toEqual([
    { graph_id: "good", error: null },
    { graph_id: "bad", error: expect.stringMatching(/good\.ts:grpah.*no export 'grpah'.*exports: graph/) },
  ]);
  const client = await clientOf(dev);
  const say = () => client.runs.wait(null, "good", { input: {} });
  expect(await say()).toEqual({ value: "none" });

  await writeFile(path.join(cwd, "aegra.json"), "{");
  expect(await dev.event("failed")).toMatchObject({
    error: { code: "CONFIG_INVALID", message: expect.stringContaining("aegra.json is not valid JSON") },
  });

  // A file that was not there is noticed too, and replaces nothing that the former server was given.
  await writeFile(path.join(cwd, "aegra.json"), configOf({ good: config.good }));
  expect((await dev.event("ready", 2))["graphs"]).toEqual([{ graph_id: "good", error: null }]);
  await writeFile(path.join(cwd, ".env"), "WORD=one");
  await dev.event("ready", 3);
  expect(await say()).toEqual({ value: "one" });
  await writeFile(path.join(cwd, ".env"), "WORD=two");
  await dev.event("ready", 4);
  expect(await say()).toEqual({ value: "two" });
});

test("a server that crashes is started again, unless nothing is watched", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ pid: "./pid.ts:graph" }),
    "pid.ts": TELL_PID,
  });
  const dev = await startDev(cwd);
  const pid = await serverPid(await clientOf(dev));
  process.kill(pid, "SIGKILL");
  expect(await dev.event("crashed")).toMatchObject({ retry_in_ms: 1000 });
  await dev.event("ready", 2);
  expect(await serverPid(await clientOf(dev))).not.toBe(pid);

  const unwatched = await startDev(cwd, "--no-reload");
  process.kill(await serverPid(await clientOf(unwatched)), "SIGKILL");
  const { code } = await unwatched.ended;
  expect(code).toBe(1);
  expect(unwatched.events().at(-1)).toMatchObject({ ok: false, error: { code: "SERVER_CRASHED" } });
});

test("a project's own database belongs to one dev, outlives kill -9 of it, and is there for `db` after it", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ pid: "./pid.ts:graph" }),
    "pid.ts": TELL_PID,
  });
  const first = startCli({ cwd }, "dev", "--json", "--port", "0");
  const client = await clientOf(first);
  const { thread_id } = await client.threads.create({ metadata: { kept: "yes" } });
  const orphan = await serverPid(client);

  for (const args of [
    ["dev", "--port", "0"],
    ["db", "status"],
  ]) {
    const second = await runCli({ cwd }, ...args);
    expect(second.code).toBe(3);
    expect(second.stderr).toContain(`pid ${first.process.pid}`);
    expect(second.stderr).toContain("--database-url");
  }

  first.process.kill("SIGKILL");
  await first.ended;
  while (isAlive(orphan)) await sleep(20);

  const next = startCli({ cwd }, "dev", "--port", "0", "--json");
  expect(await next.event("ready")).toMatchObject({ database: { kind: "embedded" } });
  expect(await (await clientOf(next)).threads.get(thread_id)).toMatchObject({ metadata: { kept: "yes" } });
  next.process.kill("SIGTERM");
  expect((await next.ended).code).toBe(isWindows ? null : 0);

  const { code, stdout } = await runCli({ cwd }, "db", "status", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(stdout).data).toMatchObject({ pending: [] });
});

test.skipIf(isWindows)("a second Ctrl-C ends a server that does not stop, and leaves with 130", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ stuck: "./stuck.ts:graph" }),
    "stuck.ts": graphOf("appendFileSync('busy', ''); for (;;) { /* lets nothing else happen */ }"),
  });
  const dev = await startDev(cwd);
  const client = await clientOf(dev);
  const { thread_id } = await client.threads.create();
  void client.runs.create(thread_id, "stuck", { input: {} }).catch(() => undefined);
  while ((await readFile(path.join(cwd, "busy")).catch(() => null)) === null) await sleep(20);

  dev.process.kill("SIGINT");
  await sleep(700);
  expect(dev.process.exitCode).toBeNull();
  dev.process.kill("SIGINT");
  expect((await dev.ended).code).toBe(130);
});

test("for people, the summary is on stdout and holds no password", async () => {
  const cwd = await cliProject({ "aegra.json": configOf(CHAT) });
  const url = new URL(await testDatabaseUrl());
  const dev = startCli({ cwd }, "dev", "-p", "0", "--database-url", url.href);
  await dev.text("Stop with Ctrl-C.");
  const summary = dev.stdout();
  expect(summary).toMatch(
    /Server {4}http:\/\/127\.0\.0\.1:\d+\n {2}Graphs {4}agent\n {2}Database {2}Postgres/,
  );
  if (url.password !== "") expect(summary + dev.stderr()).not.toContain(url.password);
});

test("a first start that fails ends with the code of its error", async () => {
  const cwd = await cliProject({
    "aegra.json": configOf({ agent: "./a.ts:graph" }),
    "a.ts": "process.exit(0);",
  });
  const crashed = await (await startDev(cwd)).ended;
  expect(crashed.code).toBe(1);
  expect(JSON.parse(crashed.stdout).error).toMatchObject({ code: "SERVER_CRASHED" });

  const invalid = await runCli({ cwd }, "dev", "--json", "-c", "nowhere.json");
  expect(invalid.code).toBe(3);
  expect(JSON.parse(invalid.stdout).error.message).toContain("nowhere.json");
});
