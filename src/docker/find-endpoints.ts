import { stat } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { DEFAULT_CONTEXT, readContext, readCurrentContext } from "./contexts.ts";
import { type DockerEndpoint, toEndpoint } from "./endpoint.ts";
import { hasCode } from "./errors.ts";

/** What decides which engine is meant; every value is the user's own, null when there is none. */
export interface DockerEnvironment {
  readonly home: string;
  /** DOCKER_HOST. */
  readonly host: string | null;
  /** DOCKER_CONTEXT. */
  readonly context: string | null;
  /** DOCKER_CONFIG. */
  readonly configDirectory: string | null;
  /** DOCKER_CERT_PATH. */
  readonly certificateDirectory: string | null;
  /** DOCKER_TLS_VERIFY. */
  readonly verifiesTls: boolean;
  /** XDG_RUNTIME_DIR. */
  readonly runtimeDirectory: string | null;
  /** SSH_AUTH_SOCK. */
  readonly sshAgent: string | null;
}

export interface EndpointSearch {
  readonly environment: DockerEnvironment;
  /** The context that was asked for on the command line; it wins over everything else. */
  readonly context?: string | undefined;
  readonly platform?: NodeJS.Platform;
}

export interface FoundEndpoints {
  /** To be tried in order. One, when something names it. */
  readonly endpoints: readonly DockerEndpoint[];
  /** The sockets that were looked for and are not there. */
  readonly missing: readonly string[];
}

/**
 * The engines that may be meant, in the order of Docker's own command line: the flag, DOCKER_HOST,
 * DOCKER_CONTEXT, the current context. Where none of these says anything, the sockets of the known ways to
 * run Docker on this machine.
 *
 * @throws DockerError when what is named is not usable
 */
export async function findEndpoints({
  environment,
  context,
  platform = process.platform,
}: EndpointSearch): Promise<FoundEndpoints> {
  const { host, sshAgent, certificateDirectory, verifiesTls } = environment;
  if (context === undefined && host !== null) {
    const directory = certificateDirectory ?? (verifiesTls ? configDirectoryOf(environment) : null);
    const tls = directory === null ? null : { directory, verifies: verifiesTls };
    return named(await toEndpoint({ url: host, source: "DOCKER_HOST", tls, sshAgent }));
  }
  const configDirectory = configDirectoryOf(environment);
  const name = context ?? environment.context ?? (await readCurrentContext(configDirectory));
  if (name !== DEFAULT_CONTEXT) {
    const found = await readContext(configDirectory, name);
    return named(await toEndpoint({ ...found, source: `the context ${name}`, sshAgent }));
  }
  return platform === "win32"
    ? named(await toLocalEndpoint("npipe:////./pipe/docker_engine", "the default of Windows", sshAgent))
    : findSockets(environment);
}

const named = (endpoint: DockerEndpoint): FoundEndpoints => ({ endpoints: [endpoint], missing: [] });

/** Where the settings of Docker's command line are. */
export const configDirectoryOf = ({ configDirectory, home }: DockerEnvironment): string =>
  configDirectory ?? path.join(home, ".docker");

const toLocalEndpoint = (url: string, source: string, sshAgent: string | null) =>
  toEndpoint({ url, source, tls: null, sshAgent });

async function findSockets(environment: DockerEnvironment): Promise<FoundEndpoints> {
  const endpoints: DockerEndpoint[] = [];
  const missing: string[] = [];
  for (const { file, source } of listSockets(environment)) {
    if (await mayBeSocket(file)) {
      endpoints.push(await toLocalEndpoint(`unix://${file}`, source, environment.sshAgent));
    } else {
      missing.push(file);
    }
  }
  return { endpoints, missing };
}

function listSockets({ home, runtimeDirectory }: DockerEnvironment) {
  const run = runtimeDirectory ?? `/run/user/${process.getuid?.() ?? 0}`;
  return [
    { file: "/var/run/docker.sock", source: "the default" },
    { file: `${home}/.docker/run/docker.sock`, source: "Docker Desktop" },
    { file: `${home}/.docker/desktop/docker.sock`, source: "Docker Desktop" },
    { file: `${run}/docker.sock`, source: "rootless Docker" },
    { file: `${home}/.orbstack/run/docker.sock`, source: "OrbStack" },
    { file: `${home}/.colima/default/docker.sock`, source: "Colima" },
    { file: `${home}/.colima/docker.sock`, source: "Colima" },
    { file: `${home}/.rd/docker.sock`, source: "Rancher Desktop" },
    { file: `${home}/.lima/docker/sock/docker.sock`, source: "Lima" },
    { file: `${run}/podman/podman.sock`, source: "rootless Podman" },
    { file: "/run/podman/podman.sock", source: "Podman" },
    { file: `${home}/.local/share/containers/podman/machine/podman.sock`, source: "Podman" },
  ];
}

async function mayBeSocket(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isSocket();
  } catch (error) {
    // In a folder that is not ours to look into, it is there as likely as not: connecting tells.
    return hasCode(error, "EACCES");
  }
}
