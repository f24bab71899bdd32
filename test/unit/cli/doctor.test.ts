import { createServer } from "node:net";
import path from "node:path";
import { expect, describe as group, onTestFinished, test } from "vitest";
import { cliProject, runCli } from "../../support/cli.ts";
import { CHAT, configOf } from "../../support/cli-graphs.ts";
import { fakeDaemon, shortFolder, VERSIONS } from "../../support/fake-daemon.ts";

// Windows has no sockets with a path.
const describe = group.skipIf(process.platform === "win32");

interface Check {
  readonly id: string;
  readonly status: string;
  readonly detail: string;
  readonly fix: string | null;
}

/** An engine in which all is well, but for what the test says: path → answer. */
async function engine(answers: Readonly<Record<string, unknown>> = {}) {
  const healthy: Readonly<Record<string, unknown>> = {
    "/version": VERSIONS.docker,
    "/info": () => ({ SystemTime: new Date().toISOString(), DockerRootDir: "/", CgroupVersion: "2" }),
    "/containers/json": [],
    "/images/node:24-slim/json": { Os: "linux", Architecture: "amd64" },
  };
  const daemon = await fakeDaemon(
    (request: { url?: string }, response: import("node:http").ServerResponse) => {
      const { pathname } = new URL(request.url ?? "/", "http://engine");
      const found = answers[pathname] ?? healthy[pathname];
      const body: unknown = typeof found === "function" ? found() : found;
      response.writeHead(body === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(body ?? { message: "not found" }));
    },
  );
  return daemon.url;
}

const port = async (): Promise<{ port: number; free: () => void }> => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as { port: number }).port, free: () => server.close() };
};

async function diagnose(
  files: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>>,
  ...args: string[]
) {
  const cwd = await cliProject(files);
  const { code, stdout } = await runCli({ cwd, env }, "doctor", "--json", ...args);
  const { checks } = (JSON.parse(stdout) as { data: { checks: Check[] } }).data;
  return { code, cwd, checks, find: (id: string) => checks.find((check) => check.id === id) };
}

const PROJECT = { "aegra.json": configOf(CHAT), "package.json": '{"name":"p"}' };

describe("aegra doctor", () => {
  test("finds what a project that is well has", async () => {
    const { port: free, free: release } = await port();
    release();
    const { code, cwd, find } = await diagnose(PROJECT, {
      DOCKER_HOST: await engine(),
      AEGRA_PORT: String(free),
    });
    expect(code).toBe(0);
    expect(find("config")).toMatchObject({ status: "ok", detail: path.join(cwd, "aegra.json") });
    for (const id of [
      "node",
      "graphs",
      "langgraph",
      "environment",
      "docker",
      "docker-clock",
      "port",
      "containers",
    ]) {
      expect(find(id), id).toMatchObject({ status: "ok", fix: null });
    }
    expect(find("docker")?.detail).toContain("Docker 28.2.2 (API 1.50, linux/amd64, cgroup v2) at unix://");
    expect(find("docker-image")).toMatchObject({ status: "ok", detail: "node:24-slim is here" });
  }, 20_000);

  test("ends with 26 when something has to be put right, and says what", async () => {
    const files = {
      ...PROJECT,
      "aegra.json": configOf({ agent: "./gone.ts:graph" }),
    };
    const { code, find } = await diagnose(files, { DOCKER_HOST: await engine() });
    expect(code).toBe(26);
    expect(find("graphs")).toMatchObject({ status: "fail", detail: "there is no file of ./gone.ts:graph" });
  }, 20_000);

  test("warns, which counts only with --strict, of what the environment lacks and of a port", async () => {
    const { port: taken } = await port();
    const files = { ...PROJECT, ".env.example": "OPENAI_API_KEY=\nMODEL=x\n", ".env": "MODEL=y\n" };
    const env = { DOCKER_HOST: await engine(), AEGRA_PORT: String(taken) };
    const { code, find } = await diagnose(files, env);
    expect(code).toBe(0);
    expect(find("environment")).toMatchObject({
      status: "warn",
      detail: ".env.example has what is not set: OPENAI_API_KEY",
    });
    expect(find("port")).toMatchObject({ status: "warn", detail: `${taken} is taken by another program` });
    expect((await diagnose(files, env, "--strict")).code).toBe(26);
  }, 20_000);

  test("sees the engine's clock, an image of another platform, and containers in trouble", async () => {
    const labels = { "com.docker.compose.project": "p1", "com.docker.compose.service": "api" };
    const listed = (id: string) => ({
      Id: id,
      Names: [`/p1-${id}`],
      Labels: labels,
      State: "exited",
      Ports: [],
    });
    const { find, code } = await diagnose(
      PROJECT,
      {
        DOCKER_HOST: await engine({
          "/info": () => ({ SystemTime: new Date(Date.now() - 60_000).toISOString() }),
          "/images/node:24-slim/json": { Os: "linux", Architecture: "arm64" },
          "/containers/json": [listed("a"), listed("b"), listed("c")],
          "/containers/a/json": { State: { Running: false, ExitCode: 137, OOMKilled: true } },
          "/containers/b/json": { State: { Running: true, Restarting: true }, RestartCount: 4 },
          // What a container that has stopped says of its health is not to be believed.
          "/containers/c/json": { State: { Running: false, ExitCode: 0, Health: { Status: "unhealthy" } } },
        }),
      },
      "--project",
      "p1",
    );
    expect(code).toBe(26);
    expect(find("docker-clock")).toMatchObject({
      status: "warn",
      detail: expect.stringMatching(/^6\d s behind/),
    });
    expect(find("docker-image")).toMatchObject({
      status: "fail",
      detail: "node:24-slim is for linux/arm64, and the engine is linux/amd64",
    });
    expect(find("containers")).toMatchObject({
      status: "warn",
      detail: "p1-a was out of memory; p1-b is started again and again (4 times)",
    });
  }, 20_000);

  test("says why there is no engine, which matters less where there is a database", async () => {
    const DOCKER_HOST = `unix://${await shortFolder()}/none.sock`;
    const without = await diagnose(PROJECT, { DOCKER_HOST });
    expect(without).toMatchObject({ code: 26 });
    expect(without.find("docker")).toMatchObject({ status: "fail" });
    expect(without.find("docker")?.detail).toContain("there is no such socket");
    expect(without.checks.map(({ id }) => id)).not.toContain("docker-disk");
    const DATABASE_URL = "postgres://nobody:secret@127.0.0.1:1/none";
    const { code, find, checks } = await diagnose(PROJECT, { DOCKER_HOST, DATABASE_URL });
    expect(code).toBe(26);
    expect(find("docker")?.status).toBe("warn");
    expect(find("database")?.status).toBe("fail");
    expect(JSON.stringify(checks)).not.toContain("secret");
  }, 20_000);
});
