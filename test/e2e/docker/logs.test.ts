import { randomUUID } from "node:crypto";
import { realpath, writeFile } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { createContainer, startContainer } from "../../../src/docker/containers.ts";
import type { DockerEngine } from "../../../src/docker/engine.ts";
import { ensureImage } from "../../../src/docker/images.ts";
import { readLogs } from "../../../src/docker/logs/open-logs.ts";
import { runCli, startCli } from "../../support/cli.ts";
import { reachableDocker } from "../../support/docker.ts";
import { tempDirectory } from "../../support/scaffold.ts";

const connection = await reachableDocker();
const NO_DOCKER = "Docker does not answer on this machine";
const IMAGE = process.env["AEGRA_BASE_IMAGE"] ?? "node:24-slim";

/** Writes to both streams all the time, and more than a reader can be asked for twice within a second. */
const CHATTER = `let i = 0;
  setInterval(() => {
    for (let n = 0; n < 5; n += 1) console.log(process.pid, Date.now(), (i += 1));
    console.error("err", i);
  }, 5);`;

/** A project of its own in Docker, whose containers are removed when the test ends. */
async function dockerProject(docker: DockerEngine) {
  const project = `aegra-logs-${randomUUID().slice(0, 8)}`;
  await ensureImage(docker, IMAGE, { onProgress: () => undefined });
  return {
    project,
    async run(service: string, script: string, more: object = {}) {
      const id = await createContainer(docker, {
        name: `${project}-${service}-1`,
        labels: { "dev.aegra.project": project, "dev.aegra.service": service },
        body: {
          Image: IMAGE,
          Cmd: ["node", "-e", script],
          Labels: {
            "com.docker.compose.project": project,
            "com.docker.compose.service": service,
            "com.docker.compose.container-number": "1",
          },
          HostConfig: { Init: true },
          ...more,
        },
      });
      onTestFinished(() => docker.getContainer(id).remove({ force: true, v: true }));
      await startContainer(docker, id);
      return docker.getContainer(id);
    },
  };
}

/** All that the engine has kept of a container. */
const readAll = (docker: DockerEngine, id: string, isTerminal = false) =>
  Array.fromAsync(
    readLogs(docker, id, {
      ...{ stdout: true, stderr: true, since: null, until: null, tail: "all" },
      ...{ follow: false, isTerminal, signal: AbortSignal.timeout(30_000) },
    }),
  );

/** A socket in front of the engine, which can go away as an engine does that is restarted. */
async function dockerProxy(engineSocket: string) {
  const socket = path.join(await tempDirectory(), "docker.sock");
  const connections = new Set<Socket>();
  const server = createServer((client) => {
    const engine = connect(engineSocket);
    for (const one of [client, engine]) {
      connections.add(one);
      one.on("error", () => undefined).on("close", () => connections.delete(one));
    }
    client.pipe(engine).pipe(client);
  });
  const comeBack = () => new Promise<void>((resolve) => server.listen(socket, resolve));
  const leave = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const one of connections) one.destroy();
    await closed;
  };
  onTestFinished(leave);
  await comeBack();
  return { socket, leave, comeBack };
}

describe.skipIf(connection === null)(`aegra logs (${connection === null ? NO_DOCKER : "on Docker"})`, () => {
  const docker = connection?.docker as DockerEngine;

  test("follows containers across restarts, with each line once, and those that come later", async () => {
    const { project, run } = await dockerProject(docker);
    const api = await run("api", CHATTER);
    const cwd = await tempDirectory();
    const cli = startCli({ cwd }, "logs", "--follow", "--json", "--tail", "20", "--project", project);
    const live = () => cli.events().filter(({ source }) => source === "live").length;
    const grows = async () => {
      const before = live();
      while (live() < before + 50) await sleep(20);
    };
    await grows();
    for (let restart = 1; restart <= 3; restart += 1) {
      await api.restart({ t: 1 });
      await cli.event("started", restart);
      await grows();
    }
    await run("worker", `console.log("new here"); setTimeout(() => process.exit(3), 100)`);
    await cli.event("exited", 4);
    await api.stop({ t: 1 });
    await cli.event("exited", 5);
    cli.process.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 0, stderr: "" });

    const told = cli.events();
    const followed = told.filter(({ service, line }) => service === "api" && line !== undefined);
    const kept = await readAll(docker, api.id);
    const first = kept.findIndex(
      ({ ts, text }) => ts === followed[0]?.["ts"] && text === followed[0]["line"],
    );
    expect(first).toBeGreaterThan(-1);
    expect(followed.map(({ stream, ts, line }) => `${stream} ${ts} ${line}`)).toEqual(
      kept.slice(first).map(({ stream, ts, text }) => `${stream} ${ts} ${text}`),
    );
    expect(told.filter(({ source }) => source === "history")).toHaveLength(20);
    expect(told.filter(({ service }) => service === "worker")).toMatchObject([
      { event: "started" },
      { line: "new here" },
      { event: "exited", exitCode: 3, oom: false },
    ]);
  });

  test("goes on when Docker is back, with each line once", async () => {
    const { project, run } = await dockerProject(docker);
    const api = await run("api", CHATTER);
    const proxy = await dockerProxy(connection?.endpoint.options.socketPath ?? "");
    const cwd = await tempDirectory();
    const env = { DOCKER_HOST: `unix://${proxy.socket}` };
    const cli = startCli({ cwd, env }, "logs", "-f", "--json", "-n", "all", "--project", project);
    for (let time = 1; time <= 3; time += 1) {
      await cli.text('"live"');
      await sleep(100);
      await proxy.leave();
      await cli.event("disconnected", time);
      await api.restart({ t: 1 });
      const before = cli.events().length;
      await proxy.comeBack();
      await cli.event("reconnected", time);
      while (cli.events().length < before + 50) await sleep(20);
    }
    await api.stop({ t: 1 });
    await cli.event("exited");
    cli.process.kill("SIGINT");
    expect(await cli.ended).toMatchObject({ code: 0 });
    const followed = cli.events().filter(({ line }) => line !== undefined);
    expect(followed.map(({ stream, ts, line }) => `${stream} ${ts} ${line}`)).toEqual(
      (await readAll(docker, api.id)).map(({ stream, ts, text }) => `${stream} ${ts} ${text}`),
    );
  });

  test("shows the lines of several containers in order of time, and those that are asked for", async () => {
    const { project, run } = await dockerProject(docker);
    const RUN = "1f0c8a2e-0000-6000-8000-000000000001";
    const api = await run(
      "api",
      `const log = (level, more) => console.log(JSON.stringify({ level, ...more }));
       process.once("SIGTERM", () => { console.error("Error: boom"); console.log("x".repeat(40_000)); process.exit(); });
       setTimeout(() => {}, 1e6);
       log(30, { msg: "server ready" }); log(40, { msg: "slow", run_id: "${RUN}" });`,
    );
    while ((await readAll(docker, api.id)).length < 2) await sleep(20);
    const worker = await run("worker", `console.log('{"msg":1}')`, { Tty: true });
    await worker.wait();
    await api.stop({ t: 30 });
    const cwd = await tempDirectory();
    const logs = async (...args: string[]) => {
      const { code, stdout, stderr } = await runCli({ cwd }, "logs", "--project", project, ...args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      return stdout.trimEnd().split("\n").filter(Boolean);
    };
    const long = `api-1    │ ${"x".repeat(40_000)}`;
    expect(await logs("--format", "raw")).toEqual(
      expect.arrayContaining([`api-1 │ {"level":30,"msg":"server ready"}`, `worker-1 │ {"msg":1}`, long]),
    );
    const merged = (await logs("--json")).map((row) => JSON.parse(row) as { ts: string; service: string });
    expect(merged.map(({ service }) => service)).toEqual(["api", "api", "worker", "api", "api"]);
    expect(await logs("--run", RUN.slice(0, 8), "--no-prefix")).toEqual([`WARN  slow run_id=${RUN}`]);
    expect(await logs("--level", "error", "--no-prefix")).toEqual(["Error: boom"]);
    expect(await logs("worker", "--tail", "1")).toEqual(["worker-1 │ 1"]);
    expect(await logs("--stream", "stderr", "--format", "raw")).toEqual(["api-1 ┃ Error: boom"]);
    expect(await logs("--since", "2001-01-01", "--until", "2002-01-01")).toEqual([]);
    expect(await logs("--grep", "READY", "-i", "--no-prefix")).toEqual(["INFO  server ready"]);
    expect((await logs("--grep", "ready", "-t"))[0]).toMatch(/^api-1 │ \d{4}-\d\d-\d\dT[\d:.]+Z INFO/);

    await api.start();
    while ((await readAll(docker, api.id)).length < 6) await sleep(20);
    expect((await logs("api", "--previous", "--json")).map((row) => JSON.parse(row).ts)).toEqual(
      merged.filter(({ service }) => service === "api").map(({ ts }) => ts),
    );
  });

  test("ends with 0 when its reader leaves, however much there is to read", async () => {
    const { project, run } = await dockerProject(docker);
    const container = await run("api", `for (let i = 0; i < 50_000; i += 1) console.log("line", i)`);
    await container.wait();
    for (const mode of [["--json"], ["--follow", "--tail", "all"]]) {
      const cli = startCli({ cwd: await tempDirectory() }, "logs", "--project", project, ...mode);
      cli.process.stdout?.once("data", () => cli.process.stdout?.destroy());
      expect(await cli.ended).toMatchObject({ code: 0, stderr: "" });
    }
  });

  test("says that the kernel has ended a container, and ends with the last one where that is asked for", async () => {
    const { project, run } = await dockerProject(docker);
    const cwd = await tempDirectory();
    const cli = startCli({ cwd }, "logs", "-f", "--exit-on-stop", "--json", "--project", project);
    // With no container at first there is nothing to follow.
    expect(await cli.ended).toMatchObject({ code: 0 });
    const api = await run(
      "api",
      `process.once("SIGUSR2", () => { const all = []; for (;;) all.push(Buffer.alloc(1 << 20, 1)); });
       setTimeout(() => {}, 1e6); console.log("ready");`,
      { HostConfig: { Memory: 64 << 20, MemorySwap: 64 << 20 } },
    );
    const following = startCli({ cwd }, "logs", "-f", "--exit-on-stop", "--json", "--project", project);
    await following.text("ready");
    await api.kill({ signal: "SIGUSR2" });
    expect(await following.ended).toMatchObject({ code: 0 });
    expect(following.events().slice(1)).toMatchObject([
      { event: "exited", service: "api", exitCode: 137, oom: true },
    ]);
  });

  test("says what is missing: the project, the service, the engine", async () => {
    const { project, run } = await dockerProject(docker);
    const cwd = await tempDirectory();
    const fail = async (env: Record<string, string>, ...args: string[]) => {
      const { code, stdout } = await runCli({ cwd, env }, "logs", "--json", "--project", project, ...args);
      const { error } = JSON.parse(stdout) as { error: object };
      return { exit: code, ...error };
    };
    expect(await fail({})).toMatchObject({ exit: 3, code: "NO_CONTAINERS", hint: "Start them: aegra up" });
    await run("api", "");
    expect(await fail({}, "wroker")).toMatchObject({
      exit: 2,
      code: "NO_CONTAINERS",
      hint: "Its services are api.",
    });
    expect(await fail({ DOCKER_HOST: `unix://${path.join(cwd, "none.sock")}` })).toMatchObject({
      exit: 20,
      code: "DOCKER_UNAVAILABLE",
    });
    expect(await fail({}, "--since", "yesterday")).toMatchObject({ exit: 2, code: "USAGE" });
    expect(await fail({}, "--grep", "(")).toMatchObject({ exit: 2, code: "USAGE" });
  });

  test("finds the containers that were started from the folder of the project", async () => {
    const { project, run } = await dockerProject(docker);
    const cwd = await tempDirectory();
    await writeFile(path.join(cwd, "aegra.json"), JSON.stringify({ graphs: { agent: "./agent.ts:graph" } }));
    const container = await run("api", `console.log("found")`, {
      Labels: {
        "com.docker.compose.project": project,
        "com.docker.compose.service": "api",
        "com.docker.compose.project.working_dir": await realpath(cwd),
      },
    });
    await container.wait();
    expect(await runCli({ cwd }, "logs")).toMatchObject({ code: 0, stdout: "api-1 │ found\n" });
  });
});
