import { createInterface } from "node:readline";
import type Docker from "dockerode";
import type { DockerEngine } from "./engine.ts";
import { BuildError } from "./errors.ts";
import { type RegistryLogin, toAuth } from "./registry-login.ts";

/** One line of the engine's answer to a push; see «Push an image» in the Docker Engine API. */
interface PushEvent {
  readonly error?: string;
  readonly aux?: { readonly Digest?: string };
}

/**
 * Pushes an image to the registry in its name.
 *
 * @returns the digest under which the registry has it; null when it does not say
 * @throws BuildError when the registry refuses it
 */
export async function pushImage(
  docker: DockerEngine,
  image: string,
  { login, signal }: { readonly login: RegistryLogin | null; readonly signal: AbortSignal },
): Promise<string | null> {
  const [repository, tag] = splitTag(image);
  // Engines want to be told also that there is no login. The types know only of passwords.
  const authconfig = (login === null ? {} : toAuth(login)) as Docker.AuthConfig;
  let digest: string | null = null;
  try {
    const answer = await docker.getImage(repository).push({ tag, authconfig, abortSignal: signal });
    for await (const line of createInterface({ input: answer })) {
      const event = parse(line);
      // A push that fails half-way ends like one that succeeds.
      if (event.error !== undefined) throw new Error(event.error);
      digest = event.aux?.Digest ?? digest;
    }
    return digest;
  } catch (cause) {
    signal.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new BuildError(`${image} could not be pushed: ${why}`, { step: null, lines: [] }, [
      `Log in to its registry (docker login), and check that you may write there: ${repository}`,
    ]);
  }
}

/** The name without its tag, and the tag; `latest` when it has none. A port is no tag. */
function splitTag(image: string): [repository: string, tag: string] {
  const at = image.lastIndexOf(":");
  return at > image.lastIndexOf("/") ? [image.slice(0, at), image.slice(at + 1)] : [image, "latest"];
}

function parse(line: string): PushEvent {
  try {
    return (JSON.parse(line) as PushEvent | null) ?? {};
  } catch {
    // Proxies add lines of their own.
    return {};
  }
}
