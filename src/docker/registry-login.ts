import { spawn } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { text } from "node:stream/consumers";
import { DockerError, hasCode } from "./errors.ts";
import { readIfThere } from "./package-tree.ts";

/** What a registry knows the user by. */
export interface RegistryLogin {
  readonly username: string;
  readonly password: string;
  /** In place of a password, where the registry gives one. */
  readonly identityToken: string | null;
}

/** Finds the login of a registry, by the name of its machine; null when there is none. */
export type FindLogin = (registry: string) => Promise<RegistryLogin | null>;

/** The part of Docker's configuration file that `docker login` writes. */
interface LoginConfig {
  readonly auths?: Readonly<Record<string, { readonly auth?: string; readonly identitytoken?: string }>>;
  readonly credsStore?: string;
  readonly credHelpers?: Readonly<Record<string, string>>;
}

/** A login as the engine takes it. */
export const toAuth = ({ username, password, identityToken }: RegistryLogin) =>
  identityToken === null ? { username, password } : { identitytoken: identityToken };

/** The name under which the engine and Docker's file know a registry. */
export const toServerAddress = (registry: string): string =>
  /^(?:registry-1\.|index\.)?docker\.io$/.test(registry) ? DOCKER_HUB : registry;

/** Under this name Docker keeps the login of its own registry. */
const DOCKER_HUB = "https://index.docker.io/v1/";

/** The registry that an image is in, such as `ghcr.io`; that of Docker when its name has none. */
export function toRegistry(image: string): string {
  const [first = "", ...rest] = image.split("/");
  return rest.length > 0 && (/[.:]/.test(first) || first === "localhost") ? first : "docker.io";
}

/**
 * The login that `docker login` has left for a registry, in its file or with a program that keeps passwords.
 *
 * @param configDirectory usually `~/.docker`
 * @returns null when there is none
 * @throws DockerError when the file is no JSON, or the program is not there
 */
export async function readRegistryLogin(
  configDirectory: string,
  registry: string,
): Promise<RegistryLogin | null> {
  const config = await readConfig(path.join(configDirectory, "config.json"));
  const address = toServerAddress(registry);
  const names =
    address === DOCKER_HUB ? [address] : [registry, `https://${registry}`, `https://${registry}/v2/`];
  for (const name of names) {
    const helper = config.credHelpers?.[name] ?? config.credsStore;
    const found = helper === undefined ? null : await askHelper(helper, name);
    if (found !== null) return found;
    const kept = config.auths?.[name];
    if (kept?.auth !== undefined) return toLogin(kept.auth, kept.identitytoken ?? null);
  }
  return null;
}

async function readConfig(file: string): Promise<LoginConfig> {
  const content = await readIfThere(file);
  if (content === null) return {};
  try {
    return JSON.parse(content) as LoginConfig;
  } catch (cause) {
    throw new DockerError(`${file} is not valid JSON: ${(cause as Error).message}`, [], cause);
  }
}

function toLogin(auth: string, identityToken: string | null): RegistryLogin | null {
  const decoded = Buffer.from(auth, "base64").toString("utf8");
  const at = decoded.indexOf(":");
  if (at < 0) return null;
  return {
    username: decoded.slice(0, at),
    password: decoded.slice(at + 1).replace(/\0+$/, ""),
    identityToken,
  };
}

/** Asks on its stdin, as Docker does: a name of a registry is no argument to be seen by others. */
async function askHelper(helper: string, registry: string): Promise<RegistryLogin | null> {
  const program = `docker-credential-${helper}`;
  const child = spawn(program, ["get"], { stdio: ["pipe", "pipe", "ignore"] });
  const output = text(child.stdout);
  const ended = once(child, "close") as Promise<[number | null]>;
  // A program that ends without reading is told apart by its exit code.
  child.stdin.on("error", () => undefined).end(registry);
  try {
    const [code] = await ended;
    // It has nothing for this registry.
    if (code !== 0) return null;
    const { Username: name, Secret: secret } = JSON.parse(await output) as {
      Username: string;
      Secret: string;
    };
    // So these programs say that it is no password.
    return name === "<token>"
      ? { username: "", password: "", identityToken: secret }
      : { username: name, password: secret, identityToken: null };
  } catch (cause) {
    if (!hasCode(cause, "ENOENT")) throw cause;
    throw new DockerError(
      `${program} is not there, which is to know the login of ${registry} (credsStore or credHelpers in config.json).`,
      ["Install it, or take its name out of the file and docker login again."],
      cause,
    );
  }
}
