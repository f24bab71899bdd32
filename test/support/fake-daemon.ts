import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";
import type { DockerEnvironment } from "../../src/docker/find-endpoints.ts";

/** What `GET /version` of an engine answers, as far as anybody reads it. */
export const VERSIONS = {
  docker: { Version: "28.2.2", ApiVersion: "1.50", MinAPIVersion: "1.24", Os: "linux", Arch: "amd64" },
  docker29: { Version: "29.0.0", ApiVersion: "1.52", MinAPIVersion: "1.44", Os: "linux", Arch: "arm64" },
  debian12: {
    Version: "20.10.24+dfsg1",
    ApiVersion: "1.41",
    MinAPIVersion: "1.12",
    Os: "linux",
    Arch: "amd64",
  },
  old: { Version: "18.09.1", ApiVersion: "1.39", MinAPIVersion: "1.12", Os: "linux", Arch: "amd64" },
  podman: {
    Version: "4.3.1",
    ApiVersion: "1.41",
    MinAPIVersion: "1.24",
    Os: "linux",
    Arch: "amd64",
    Components: [{ Name: "Podman Engine", Version: "4.3.1" }, { Name: "Conmon" }],
  },
} as const;

/** An engine that answers what the test says, on a socket or on a port. */
export async function fakeDaemon(answer: RequestListener | object, on: { readonly socket?: string } = {}) {
  const socket = on.socket ?? path.join(await shortFolder(), "docker.sock");
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    if (typeof answer === "function") return void (answer as RequestListener)(request, response);
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { socket, url: `unix://${socket}`, requests, server };
}

/** The path of a socket has to be shorter than that of a file. */
export async function shortFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), "aegra-d-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An environment in which nothing is set, with an empty home. */
export async function dockerEnvironment(set: Partial<DockerEnvironment> = {}): Promise<DockerEnvironment> {
  const home = set.home ?? (await shortFolder());
  return {
    home,
    host: null,
    context: null,
    configDirectory: null,
    certificateDirectory: null,
    verifiesTls: false,
    runtimeDirectory: path.join(home, "run"),
    sshAgent: null,
    ...set,
  };
}
