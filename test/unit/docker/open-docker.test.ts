import { createHash } from "node:crypto";
import { chmod, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import { expect, describe as group, onTestFinished, test } from "vitest";
import { readDockerEnvironment } from "../../../src/config/docker-environment.ts";
import { openDocker } from "../../../src/docker/engine.ts";
import { findEndpoints } from "../../../src/docker/find-endpoints.ts";
import { dockerEnvironment, fakeDaemon, shortFolder, VERSIONS } from "../../support/fake-daemon.ts";

// Windows has no sockets with a path.
const describe = group.skipIf(process.platform === "win32");

/** Writes a context as `docker context create` does. */
async function writeContext(home: string, name: string, docker: object): Promise<string> {
  const id = createHash("sha256").update(name).digest("hex");
  const folder = path.join(home, ".docker", "contexts", "meta", id);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, "meta.json"), JSON.stringify({ Name: name, Endpoints: { docker } }));
  return path.join(home, ".docker", "contexts", "tls", id, "docker");
}

async function useContext(home: string, name: string): Promise<void> {
  await mkdir(path.join(home, ".docker"), { recursive: true });
  await writeFile(path.join(home, ".docker", "config.json"), JSON.stringify({ currentContext: name }));
}

const onlyEndpoint = async (...search: Parameters<typeof findEndpoints>) => {
  const { endpoints } = await findEndpoints(...search);
  expect(endpoints).toHaveLength(1);
  return endpoints[0];
};

describe("which engine is meant", () => {
  test("is decided by the flag, then DOCKER_HOST, DOCKER_CONTEXT and the current context", async () => {
    const environment = await dockerEnvironment();
    const { home } = environment;
    await writeContext(home, "current", { Host: "unix:///current.sock" });
    await writeContext(home, "variable", { Host: "unix:///variable.sock" });
    await writeContext(home, "flag", { Host: "unix:///flag.sock" });
    await useContext(home, "current");

    expect(await onlyEndpoint({ environment })).toMatchObject({
      source: "the context current",
      options: { socketPath: "/current.sock" },
    });
    const withContext = { ...environment, context: "variable" };
    expect(await onlyEndpoint({ environment: withContext })).toMatchObject({
      options: { socketPath: "/variable.sock" },
    });
    const withHost = { ...withContext, host: "unix:///host.sock" };
    expect(await onlyEndpoint({ environment: withHost })).toMatchObject({
      source: "DOCKER_HOST",
      options: { socketPath: "/host.sock" },
    });
    expect(await onlyEndpoint({ environment: withHost, context: "flag" })).toMatchObject({
      options: { socketPath: "/flag.sock" },
    });
  });

  test("may be one on another machine, whose ports are there too", async () => {
    const at = async (host: string, more = {}) =>
      onlyEndpoint({ environment: await dockerEnvironment({ host, ...more }) });
    expect(await at("tcp://box:2375")).toMatchObject({
      remoteHost: "box",
      options: { host: "box", port: 2375, protocol: "http", socketPath: undefined },
    });
    expect(await at("box")).toMatchObject({ address: "tcp://box", options: { port: 2375 } });
    expect(await at("tcp://box:2376")).toMatchObject({ options: { protocol: "https" } });
    expect(await at("tcp://127.0.0.1:2375")).toMatchObject({ remoteHost: null });
    expect(await at("ssh://me@box:2222", { sshAgent: "/agent" })).toMatchObject({
      address: "ssh://box:2222",
      remoteHost: "box",
      options: { protocol: "ssh", username: "me", port: 2222, sshOptions: { agent: "/agent" } },
    });
  });

  test("gets the certificates of its context, or of DOCKER_CERT_PATH", async () => {
    const environment = await dockerEnvironment();
    const tls = await writeContext(environment.home, "safe", {
      Host: "tcp://box:2376",
      SkipTLSVerify: false,
    });
    await mkdir(tls, { recursive: true });
    await writeFile(path.join(tls, "ca.pem"), "authority");
    expect((await onlyEndpoint({ environment, context: "safe" }))?.options).toMatchObject({
      protocol: "https",
      ca: Buffer.from("authority"),
    });
    const given = { ...environment, host: "tcp://box:7", certificateDirectory: tls, verifiesTls: true };
    const options = (await onlyEndpoint({ environment: given }))?.options;
    expect(options).toMatchObject({ protocol: "https", port: 7, ca: Buffer.from("authority") });
    expect(options?.agent).toBeUndefined();
    // As with Docker's command line: certificates alone do not ask the engine who it is.
    const lax = await onlyEndpoint({ environment: { ...given, verifiesTls: false } });
    expect(lax?.options.agent?.options.rejectUnauthorized).toBe(false);
  });

  test("is told with the names there are when its context is not one of them", async () => {
    const environment = await dockerEnvironment({ context: "colma" });
    await writeContext(environment.home, "colima", { Host: "unix:///colima.sock" });
    await expect(findEndpoints({ environment })).rejects.toMatchObject({
      name: "DockerError",
      message: expect.stringContaining('no Docker context "colma"'),
      suggestions: [expect.stringContaining("default, colima")],
    });
  });

  test("cannot be told from files or addresses that are wrong, which are named", async () => {
    const environment = await dockerEnvironment();
    await mkdir(path.join(environment.home, ".docker"));
    const file = path.join(environment.home, ".docker", "config.json");
    await writeFile(file, "{");
    await expect(findEndpoints({ environment })).rejects.toThrow(`${file} is not valid JSON`);
    await expect(
      findEndpoints({ environment: { ...environment, host: "/run/docker.sock" } }),
    ).rejects.toMatchObject({
      message: "DOCKER_HOST is no address of a Docker engine: /run/docker.sock",
      suggestions: ["Write it as unix:///run/docker.sock"],
    });
    const secret = { ...environment, host: "fd://user:secret@box" };
    await expect(findEndpoints({ environment: secret })).rejects.toThrow(/^(?!.*secret).*fd:\/\/box/);
  });

  test("is read from the environment as Docker's command line does", () => {
    expect(
      readDockerEnvironment({ DOCKER_HOST: " tcp://a:1 ", DOCKER_CONTEXT: "", DOCKER_TLS_VERIFY: "1" }),
    ).toMatchObject({ host: "tcp://a:1", context: null, verifiesTls: true, certificateDirectory: null });
  });

  test("is looked for at the sockets of this machine, where nothing names one", async () => {
    const environment = await dockerEnvironment();
    const folder = path.join(environment.home, ".colima", "default");
    await mkdir(folder, { recursive: true });
    const colima = await fakeDaemon(VERSIONS.docker, { socket: path.join(folder, "docker.sock") });
    const { endpoints, missing } = await findEndpoints({ environment });
    expect(endpoints.map(({ source }) => source)).toContain("Colima");
    expect(endpoints.find(({ source }) => source === "Colima")?.address).toBe(colima.url);
    expect(missing).toContain(path.join(environment.home, ".orbstack", "run", "docker.sock"));
  });
});

describe("an engine that answers", () => {
  test.each([
    ["docker", false, "linux/amd64"],
    ["docker29", false, "linux/arm64"],
    ["debian12", false, "linux/amd64"],
    ["podman", true, "linux/amd64"],
  ] as const)("is used with the newest API it speaks: %s", async (name, isPodman, platform) => {
    const daemon = await fakeDaemon(VERSIONS[name]);
    const { docker, engine } = await openDocker({
      environment: await dockerEnvironment({ host: daemon.url }),
    });
    const { Version: version, ApiVersion: apiVersion } = VERSIONS[name];
    expect(engine).toEqual({ version, apiVersion, isPodman, platform });
    await docker.listContainers();
    // A version in the path would be too new for some engines and too old for others.
    expect(daemon.requests).toEqual(["GET /version", "GET /containers/json"]);
  });

  test("is used wherever DOCKER_HOST of this process leads", async () => {
    const daemon = await fakeDaemon(VERSIONS.docker);
    const before = process.env["DOCKER_HOST"];
    process.env["DOCKER_HOST"] = "tcp://127.0.0.1:1";
    onTestFinished(() => {
      if (before === undefined) delete process.env["DOCKER_HOST"];
      else process.env["DOCKER_HOST"] = before;
    });
    const { engine } = await openDocker({ environment: await dockerEnvironment({ host: daemon.url }) });
    expect(engine.version).toBe("28.2.2");
  });

  test("and is too old is refused", async () => {
    const daemon = await fakeDaemon(VERSIONS.old);
    await expect(
      openDocker({ environment: await dockerEnvironment({ host: daemon.url }) }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/18\.09\.1 .* too old: it speaks API 1\.39, and 1\.40 is needed/),
      suggestions: ["Upgrade it to Docker 20.10 or newer."],
    });
  });

  test.each([
    ["a page", "<html>hello</html>"],
    ["other JSON", '{"hello":"world"}'],
  ])("with %s is not Docker", async (_name, body) => {
    const daemon = await fakeDaemon((_request, response) => response.end(body));
    await expect(openDocker({ environment: await dockerEnvironment({ host: daemon.url }) })).rejects.toThrow(
      `What answers at ${daemon.url} (DOCKER_HOST) is not Docker.`,
    );
  });

  test("with a 404 is not Docker", async () => {
    const daemon = await fakeDaemon((_request, response) => response.writeHead(404).end("<html>"));
    await expect(openDocker({ environment: await dockerEnvironment({ host: daemon.url }) })).rejects.toThrow(
      "what answers there is not Docker",
    );
  });

  test("with an error is quoted", async () => {
    const daemon = await fakeDaemon((_request, response) => {
      response.writeHead(500, { "content-type": "application/json" });
      response.end('{"message":"the disk is full"}');
    });
    await expect(openDocker({ environment: await dockerEnvironment({ host: daemon.url }) })).rejects.toThrow(
      /it answers 500: the disk is full/,
    );
  });
});

describe("an engine that does not answer", () => {
  const failure = async (host: string, more = {}, platform: NodeJS.Platform = "linux") =>
    openDocker({ environment: await dockerEnvironment({ host, ...more }), platform }).catch((error) => error);

  test("is named with its socket, where it was read, and how to start it", async () => {
    const socket = path.join(await shortFolder(), "none.sock");
    expect(await failure(`unix://${socket}`)).toMatchObject({
      name: "DockerError",
      message: `Docker cannot be used at unix://${socket} (DOCKER_HOST): there is no such socket.`,
      suggestions: [
        "Start Docker: sudo systemctl start docker",
        "Check DOCKER_HOST, or unset it to use the Docker of this machine.",
      ],
    });
    expect((await failure(`unix://${socket}`, {}, "darwin")).suggestions[0]).toMatch(
      /Docker Desktop, OrbStack/,
    );
  });

  test("and has left its socket is told apart", async () => {
    const socket = path.join(await shortFolder(), "left.sock");
    const { spawnSync } = await import("node:child_process");
    // Killed, so that nobody removes the file.
    const script = `require("net").createServer().listen(${JSON.stringify(socket)}, () => process.kill(process.pid, "SIGKILL"))`;
    spawnSync(process.execPath, ["-e", script]);
    expect((await failure(`unix://${socket}`)).message).toContain("nothing listens on this socket");
  });

  test.skipIf(process.getuid?.() === 0)("because it is another user's says how to join them", async () => {
    const daemon = await fakeDaemon(VERSIONS.docker);
    await chmod(daemon.socket, 0o000);
    await expectNoPermission(await failure(daemon.url));
  });

  test.skipIf(process.getuid?.() !== 0)("because it is root's says how to join its group", async () => {
    const daemon = await fakeDaemon(VERSIONS.docker);
    await chmod(path.dirname(daemon.socket), 0o700);
    const environment = await dockerEnvironment({ host: daemon.url });
    process.seteuid?.(65_534);
    try {
      expectNoPermission(await openDocker({ environment, platform: "linux" }).catch((error) => error));
    } finally {
      process.seteuid?.(0);
    }
  });

  const expectNoPermission = (error: Error & { readonly suggestions: readonly string[] }) => {
    expect(error.message).toContain("this user may not use it");
    expect(error.suggestions[0]).toContain("usermod -aG docker");
    expect(error.suggestions.join()).not.toContain("chmod");
  };

  test("on another machine is told apart by what is wrong", async () => {
    const closed = createServer();
    await new Promise<void>((resolve) => closed.listen(0, "127.0.0.1", resolve));
    const { port } = closed.address() as { port: number };
    await new Promise((resolve) => closed.close(resolve));
    expect((await failure(`tcp://127.0.0.1:${port}`)).message).toContain("the connection is refused");
    expect((await failure("tcp://no-such-machine.invalid:2375")).message).toContain(
      "no machine of this name",
    );
  });

  test("in TLS is told to be spoken to without", async () => {
    const plain = createServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    await new Promise<void>((resolve) => plain.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void plain.close());
    const { port } = plain.address() as { port: number };
    const error = await failure(`https://127.0.0.1:${port}`);
    expect(error.message).toContain("it does not speak TLS");
    expect(error.suggestions[0]).toContain("Unset DOCKER_TLS_VERIFY");
  });

  test("anywhere is reported with every socket that was tried", async () => {
    const environment = await dockerEnvironment();
    const folder = path.join(environment.home, ".rd");
    await mkdir(folder);
    await fakeDaemon((_request, response) => response.writeHead(404).end(), {
      socket: path.join(folder, "docker.sock"),
    });
    const { endpoints, missing } = await findEndpoints({ environment });
    expect([...endpoints.map(({ address }) => address.slice("unix://".length)), ...missing].sort()).toEqual(
      expect.arrayContaining(["/var/run/docker.sock", path.join(folder, "docker.sock")]),
    );
    expect(endpoints.length + missing.length).toBe(12);
  });
});
