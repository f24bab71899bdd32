import { createInterface } from "node:readline";
import type { DockerEngine } from "./engine.ts";
import { hasStatus, ImageError } from "./errors.ts";
import { type FindLogin, toAuth, toRegistry } from "./registry-login.ts";

/** One line of the engine's answer to a pull; see «Create an image» in the Docker Engine API. */
interface PullEvent {
  /** The layer it is about; absent for messages about the whole image. */
  readonly id?: string;
  readonly status?: string;
  readonly error?: string;
}

interface PullOptions {
  readonly onProgress: (line: string) => void;
  readonly signal?: AbortSignal;
  /** Without it, registries that want a login are not pulled from. */
  readonly findLogin?: FindLogin;
}

/** Pulls `image` unless the engine has it already. @throws ImageError when it cannot be pulled */
export async function ensureImage(docker: DockerEngine, image: string, options: PullOptions): Promise<void> {
  try {
    await docker.getImage(image).inspect();
    return;
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
  await pullImage(docker, image, options);
}

/** Pulls `image`, newer or not. @throws ImageError when it cannot be pulled */
export async function pullImage(docker: DockerEngine, image: string, options: PullOptions): Promise<void> {
  options.onProgress(`pulling ${image}`);
  try {
    await pull(docker, image, options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new ImageError(
      `Docker could not pull ${image}: ${why}`,
      ["Check the name of the image and your network; docker login if its registry asks for it."],
      cause,
    );
  }
}

async function pull(
  docker: DockerEngine,
  image: string,
  { onProgress, signal, findLogin }: PullOptions,
): Promise<void> {
  const login = (await findLogin?.(toRegistry(image))) ?? null;
  const options = signal === undefined ? {} : { abortSignal: signal };
  // Among the options, the library would write the login into the URL too; apart from them, it is a header.
  const send = docker.pull.bind(docker) as (
    ...args: readonly [string, object, undefined, object | undefined]
  ) => Promise<NodeJS.ReadableStream>;
  const stream = await send(image, options, undefined, login === null ? undefined : toAuth(login));
  const layers = new Map<string, boolean>();
  let shown = "";
  // A pull that fails half-way ends like one that succeeds; the only sign is the error in one of its lines.
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    const event = toPullEvent(line);
    if (event.error !== undefined) throw new Error(event.error);
    if (event.id === undefined || event.status === undefined) continue;
    if (event.status.startsWith("Pulling from")) continue;
    layers.set(event.id, event.status === "Pull complete" || event.status === "Already exists");
    const done = [...layers.values()].filter(Boolean).length;
    const progress = `pulling ${image}: ${done} of ${layers.size} layers`;
    if (progress !== shown) onProgress(progress);
    shown = progress;
  }
}

function toPullEvent(line: string): PullEvent {
  try {
    const event: PullEvent | null = JSON.parse(line);
    return event ?? {};
  } catch {
    // Proxies add lines of their own; progress is all that is lost.
    return {};
  }
}

/**
 * Removes the images that a build has just replaced: those of this project that have lost their last tag.
 * What a container still uses stays.
 *
 * @param name of the project's image, as in its label
 */
export async function removeReplacedImages(docker: DockerEngine, name: string): Promise<void> {
  const filters = { dangling: ["true"], label: [`dev.aegra.image=${name}`] };
  for (const { Id: id } of await docker.listImages({ filters })) {
    try {
      await docker.getImage(id).remove();
    } catch (error) {
      if (!hasStatus(error, 404) && !hasStatus(error, 409)) throw error;
    }
  }
}
