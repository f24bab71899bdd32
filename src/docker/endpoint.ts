import { readFile } from "node:fs/promises";
import { Agent } from "node:https";
import path from "node:path";
import type { DockerOptions } from "dockerode";
import { DockerError } from "./errors.ts";

/** The types of the library know nothing of the agent. */
export type EngineOptions = DockerOptions & { readonly agent?: Agent };

/** One place where a Docker engine may answer. */
export interface DockerEndpoint {
  /** As it was written, without credentials; for messages. */
  readonly address: string;
  /** What named it, such as `DOCKER_HOST` or `the context colima`. */
  readonly source: string;
  /** What the library needs to connect. */
  readonly options: EngineOptions;
  /** The machine that publishes the ports of containers; null when it is this one. */
  readonly remoteHost: string | null;
}

/** Certificates of a connection over TCP. */
export interface TlsFiles {
  /** Has `ca.pem`, `cert.pem` and `key.pem`, or some of them. */
  readonly directory: string;
  /** Whether the engine has to prove who it is. */
  readonly verifies: boolean;
}

export interface EndpointAddress {
  /** `unix://…`, `npipe://…`, `tcp://…`, `http(s)://…` or `ssh://…`; what has no scheme is taken for tcp. */
  readonly url: string;
  readonly source: string;
  readonly tls: TlsFiles | null;
  readonly sshAgent: string | null;
}

const TLS_PORT = 2376;
const PLAIN_PORT = 2375;

/** @throws DockerError when the address is none, or its certificates cannot be read */
export async function toEndpoint({ url, source, tls, sshAgent }: EndpointAddress): Promise<DockerEndpoint> {
  const local = /^(?:unix|npipe):\/\/(.+)$/.exec(url);
  // Given as undefined, or else the library lets DOCKER_HOST win over what it is told.
  if (local?.[1] !== undefined) {
    return { address: url, source, options: { socketPath: local[1], host: undefined }, remoteHost: null };
  }
  const parsed = parse(url, source);
  const address = `${parsed.protocol}//${parsed.host}`;
  const remoteHost = isLoopback(parsed.hostname) ? null : parsed.hostname;
  if (parsed.protocol === "ssh:") {
    return { address, source, options: toSshOptions(parsed, sshAgent), remoteHost: parsed.hostname };
  }
  const isTls = tls !== null || parsed.protocol === "https:" || Number(parsed.port) === TLS_PORT;
  return {
    address,
    source,
    remoteHost,
    options: {
      socketPath: undefined,
      host: parsed.hostname.replaceAll(/^\[|\]$/g, ""),
      port: Number(parsed.port) || (isTls ? TLS_PORT : PLAIN_PORT),
      protocol: isTls ? "https" : "http",
      ca: undefined,
      cert: undefined,
      key: undefined,
      ...(tls === null ? {} : await readTls(tls, source)),
    },
  };
}

function parse(url: string, source: string): URL {
  const written = /^[a-z]+:\/\//i.test(url) ? url : `tcp://${url}`;
  // A path without a scheme would otherwise be a machine of that name.
  if (!url.startsWith("/") && URL.canParse(written)) {
    const parsed = new URL(written);
    if (["tcp:", "http:", "https:", "ssh:"].includes(parsed.protocol) && parsed.hostname !== "")
      return parsed;
  }
  throw new DockerError(`${source} is no address of a Docker engine: ${withoutCredentials(url)}`, [
    url.startsWith("/")
      ? `Write it as unix://${url}`
      : "Write it as unix:///path/to/docker.sock, tcp://host:2376 or ssh://user@host",
  ]);
}

const withoutCredentials = (url: string): string => url.replace(/\/\/[^/@]*@/, "//");

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d+){3}|\[::1\])$/.test(host);

function toSshOptions({ hostname, port, username }: URL, sshAgent: string | null): DockerOptions {
  return {
    socketPath: undefined,
    protocol: "ssh",
    host: hostname,
    port: Number(port) || 22,
    ...(username === "" ? {} : { username: decodeURIComponent(username) }),
    ...(sshAgent === null ? {} : { sshOptions: { agent: sshAgent } }),
  };
}

async function readTls({ directory, verifies }: TlsFiles, source: string): Promise<EngineOptions> {
  const [ca, cert, key] = await Promise.all([
    readPem(directory, "ca.pem", source),
    readPem(directory, "cert.pem", source),
    readPem(directory, "key.pem", source),
  ]);
  const options = { ...(ca && { ca }), ...(cert && { cert }), ...(key && { key }) };
  return verifies ? options : { ...options, agent: new Agent({ ...options, rejectUnauthorized: false }) };
}

async function readPem(directory: string, name: string, source: string): Promise<Buffer | null> {
  const file = path.join(directory, name);
  try {
    return await readFile(file);
  } catch (cause) {
    const error = cause as NodeJS.ErrnoException;
    // Each of the three may be missing; then the system's authorities count, or the engine asks for no certificate.
    if (error.code === "ENOENT") return null;
    throw new DockerError(
      `The certificate ${file} (of ${source}) cannot be read: ${error.message}`,
      [],
      cause,
    );
  }
}
