import process from "node:process";
import type Docker from "dockerode";
import type { DockerEndpoint } from "./endpoint.ts";
import { DockerError } from "./errors.ts";
import { type ConnectionProblem, explainConnection, startHint } from "./explain-connection.ts";
import { type EndpointSearch, findEndpoints } from "./find-endpoints.ts";

/** A connection to a Docker engine that has answered. */
export type DockerEngine = Docker;

/** What an engine is and can do. */
export interface EngineFacts {
  /** Of the engine, such as `28.2.2`. */
  readonly version: string;
  /** Newest version of the API that it speaks; used as it is, since every fixed one is refused by some engine. */
  readonly apiVersion: string;
  readonly isPodman: boolean;
  /** Of its containers, in Docker's spelling: `linux/amd64`. */
  readonly platform: string;
}

export interface DockerConnection {
  readonly docker: DockerEngine;
  readonly endpoint: DockerEndpoint;
  readonly engine: EngineFacts;
}

const ANSWER_TIMEOUT_MS = 5_000;

/** Docker 20.10. */
const OLDEST_API = [1, 40] as const;

/**
 * Connects to the Docker engine that is meant; see {@link findEndpoints}.
 *
 * @throws DockerError saying what was tried, why it failed and what to do
 */
export async function openDocker(search: EndpointSearch): Promise<DockerConnection> {
  const platform = search.platform ?? process.platform;
  const { endpoints, missing } = await findEndpoints(search);
  const failures: { readonly endpoint: DockerEndpoint; readonly problem: ConnectionProblem }[] = [];
  for (const endpoint of endpoints) {
    try {
      return await connect(endpoint);
    } catch (error) {
      if (error instanceof DockerError) throw error;
      failures.push({ endpoint, problem: explainConnection(error, endpoint, platform) });
    }
  }
  const tried = failures.map(
    ({ endpoint, problem }) => `${endpoint.address} (${endpoint.source}): ${problem.reason}`,
  );
  if (tried.length === 0) {
    throw new DockerError(`Docker was not found: there is no socket at ${missing.join(", ")}.`, [
      startHint(platform),
      "Or say where it is: DOCKER_HOST=unix:///path/to/docker.sock",
    ]);
  }
  const [only, ...others] = tried;
  throw new DockerError(
    others.length === 0
      ? `Docker cannot be used at ${only}.`
      : `Docker cannot be used:\n${tried.map((line) => `  - ${line}`).join("\n")}`,
    [...new Set(failures.flatMap(({ problem }) => problem.suggestions))],
  );
}

async function connect(endpoint: DockerEndpoint): Promise<DockerConnection> {
  // Loading the library costs more than most commands take, and most of them need no Docker.
  const { default: Dockerode } = await import("dockerode");
  const docker = new Dockerode(endpoint.options);
  const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
  // The types know nothing of the options.
  const ask = docker.version.bind(docker) as (options: {
    abortSignal: AbortSignal;
  }) => Promise<Partial<Docker.DockerVersion> | Buffer>;
  const answer = await ask({ abortSignal: signal });
  const engine = toFacts(answer, endpoint);
  return { docker, endpoint, engine };
}

function toFacts(answer: Partial<Docker.DockerVersion> | Buffer, endpoint: DockerEndpoint): EngineFacts {
  if (Buffer.isBuffer(answer) || typeof answer.ApiVersion !== "string") {
    throw new DockerError(`What answers at ${endpoint.address} (${endpoint.source}) is not Docker.`, [
      `Check ${endpoint.source}, or unset it to use the Docker of this machine.`,
    ]);
  }
  const { Version: version = "unknown", ApiVersion: apiVersion } = answer;
  const [major = 0, minor = 0] = apiVersion.split(".").map(Number);
  if (major < OLDEST_API[0] || (major === OLDEST_API[0] && minor < OLDEST_API[1])) {
    throw new DockerError(
      `Docker ${version} at ${endpoint.address} (${endpoint.source}) is too old: it speaks API ${apiVersion}, and ` +
        `${OLDEST_API.join(".")} is needed.`,
      ["Upgrade it to Docker 20.10 or newer."],
    );
  }
  const components: readonly { readonly Name?: string }[] = answer.Components ?? [];
  return {
    version,
    apiVersion,
    isPodman: components.some(({ Name: name = "" }) => /podman/i.test(name)),
    platform: `${answer.Os ?? "linux"}/${answer.Arch ?? "amd64"}`,
  };
}
