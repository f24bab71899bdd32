import type { DockerEndpoint } from "./endpoint.ts";
import { hasStatus } from "./errors.ts";

/** Why an engine does not answer, and what to do about it. */
export interface ConnectionProblem {
  readonly reason: string;
  readonly suggestions: readonly string[];
}

const START: Readonly<Partial<Record<NodeJS.Platform, string>>> = {
  linux: "Start Docker: sudo systemctl start docker",
  darwin: "Start Docker Desktop, OrbStack or Colima.",
  win32: "Start Docker Desktop.",
};

/** What to do where no engine runs on this machine. */
export const startHint = (platform: NodeJS.Platform): string => START[platform] ?? "Start Docker.";

/** Puts an error of a connection into words. */
export function explainConnection(
  error: unknown,
  endpoint: DockerEndpoint,
  platform: NodeJS.Platform,
): ConnectionProblem {
  const { name, message, code } = readError(error);
  const check = `Check ${endpoint.source}, or unset it to use the Docker of this machine.`;
  const isLocal = endpoint.options.socketPath !== undefined;

  if (/^(AbortError|TimeoutError)$/.test(name)) {
    return { reason: "it does not answer", suggestions: [isLocal ? "Restart Docker." : check] };
  }
  if (isLocal && NOT_RUNNING[code] !== undefined) {
    const isNamed = endpoint.source === "DOCKER_HOST" || endpoint.source.startsWith("the context");
    return { reason: NOT_RUNNING[code], suggestions: [startHint(platform), ...(isNamed ? [check] : [])] };
  }
  if (hasStatus(error, 404)) return { reason: "what answers there is not Docker", suggestions: [check] };
  const known = REASONS.find(({ pattern }) => pattern.test(`${code} ${message}`));
  return known === undefined
    ? { reason: withoutStatus(message), suggestions: [check] }
    : { reason: known.reason, suggestions: known.suggestions ?? [check] };
}

function readError(error: unknown) {
  if (!(error instanceof Error)) return { name: "", message: String(error), code: "" };
  return { name: error.name, message: error.message, code: errorCode(error) };
}

const errorCode = (error: Error): string => ("code" in error ? String(error.code) : "");

const NOT_RUNNING: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nothing listens on this socket",
};

const REASONS: readonly {
  readonly pattern: RegExp;
  readonly reason: string;
  /** Without them: to check where the address comes from. */
  readonly suggestions?: readonly string[];
}[] = [
  {
    pattern: /^(EACCES|EPERM) /,
    reason: "this user may not use it",
    suggestions: [
      "Join its group, then log in again: sudo usermod -aG docker $USER",
      "Or run Docker as yourself: https://docs.docker.com/engine/security/rootless",
    ],
  },
  { pattern: /^(ECONNREFUSED|ECONNRESET|EPIPE) (?!.*HTTPS)/, reason: "the connection is refused" },
  { pattern: /^(ENOTFOUND|EAI_AGAIN)/, reason: "there is no machine of this name" },
  { pattern: /^(ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/, reason: "the machine cannot be reached" },
  {
    pattern: /wrong version number|EPROTO/,
    reason: "it does not speak TLS",
    suggestions: [
      "Unset DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, or give the port that speaks TLS, often 2376.",
    ],
  },
  {
    pattern: /HTTP request to an HTTPS server|HPE_INVALID/,
    reason: "it wants TLS",
    suggestions: [
      "Set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH to the folder of ca.pem, cert.pem and key.pem.",
    ],
  },
  {
    pattern: /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS|alert/,
    reason: "its certificate is not accepted, or ours is not",
    suggestions: ["Check the folder of certificates (DOCKER_CERT_PATH, or that of the context)."],
  },
  {
    pattern: /authentication methods failed|ssh/i,
    reason: "it refuses the login by ssh",
    suggestions: [
      "Add the key to your agent (ssh-add), or use a tunnel: ssh -NL /tmp/docker.sock:/var/run/docker.sock",
    ],
  },
];

/** The library puts the status in front, and says so even where it knows nothing about it. */
const withoutStatus = (message: string): string =>
  message.replace(/^\(HTTP code (\d+)\) [^-]+ - /, "it answers $1: ").trim();
