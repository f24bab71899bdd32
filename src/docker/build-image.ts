import { Readable } from "node:stream";
import type Docker from "dockerode";
import { type AddedFiles, type ContextFiles, openContext } from "./build-context.ts";
import { type BuildEvent, readBuildEvents } from "./build-events.ts";
import { type BuildSession, openBuildSession } from "./build-session.ts";
import type { DockerConnection, DockerEngine } from "./engine.ts";
import { BuildError, hasStatus, ImageError, toReason } from "./errors.ts";
import { explainBuild } from "./explain-build.ts";
import { type FindLogin, toAuth, toRegistry, toServerAddress } from "./registry-login.ts";

export type Builder = "buildkit" | "classic";

export interface BuildRequest {
  /** Absolute; where the files of the context are. */
  readonly root: string;
  readonly context: ContextFiles;
  /** Goes along with the context; the Dockerfile is one of them. */
  readonly added: AddedFiles;
  readonly builder: Builder;
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly secrets: ReadonlyMap<string, Buffer>;
  readonly baseImage: string;
  readonly findLogin: FindLogin;
  /** Null: that of the engine. */
  readonly platform: string | null;
  /** False makes every step anew. */
  readonly useCache: boolean;
  /** Whether to look for a newer base image although there is one. */
  readonly pull: boolean;
  /** Network of the steps, such as `host`; null: the engine's own. */
  readonly network: string | null;
  readonly signal: AbortSignal;
  readonly onEvent: (event: BuildEvent) => void;
}

/** Lines of each step that are kept, to be shown if it fails. */
const KEPT_LINES = 60;

/** The builder of an engine: BuildKit where it has one. Podman has its own, which answers like the first one. */
export const chooseBuilder = ({ engine }: DockerConnection): Builder =>
  engine.isPodman ? "classic" : "buildkit";

/**
 * Builds an image.
 *
 * @returns its id
 * @throws BuildError with the step that failed and what it said; the signal's reason when it is aborted
 */
export async function buildImage(docker: DockerEngine, request: BuildRequest): Promise<string> {
  await using session = await openSessionFor(docker, request);
  const { pack } = await openContext(request.root, request.context, request.added);
  const answer = await post(docker, {
    file: Readable.from(pack()),
    options: toQuery(request, session.id),
    registryconfig: await toRegistryConfig(request),
    abortSignal: request.signal,
  });
  const id = await follow(answer, request).catch((error: unknown) => {
    request.signal.throwIfAborted();
    throw error;
  });
  request.signal.throwIfAborted();
  if (id !== null) return id;
  throw new BuildError("The engine ended the build without an image.", { step: null, lines: [] }, [
    "Look at the engine's own log, and whether its disk is full: docker system df",
  ]);
}

/** @returns the id of the image; null when the answer ends without one */
async function follow(
  answer: NodeJS.ReadableStream,
  { builder, onEvent }: BuildRequest,
): Promise<string | null> {
  const lines = new Map<string, string[]>();
  let failed: string | null = null;
  let id: string | null = null;
  for await (const event of readBuildEvents(answer)) {
    onEvent(event);
    if (event.kind === "log") keep(lines, event);
    else if (event.kind === "image") id = event.id;
    else if (event.kind === "error") throw explainBuild(event.reason, failed, lines.get(failed ?? "") ?? []);
    else failed = toFailed(event, failed, builder);
  }
  return id;
}

/** The first builder makes one step at a time, and the last one is the one that fails. */
function toFailed(event: BuildEvent, failed: string | null, builder: Builder): string | null {
  if (event.kind === "failed") return failed ?? event.step;
  return event.kind === "started" && builder === "classic" ? event.step : failed;
}

function keep(
  lines: Map<string, string[]>,
  { step, line }: { readonly step: string; readonly line: string },
): void {
  const kept = lines.get(step) ?? [];
  kept.push(line);
  if (kept.length > KEPT_LINES) kept.shift();
  lines.set(step, kept);
}

/** The first builder knows no sessions. */
async function openSessionFor(
  docker: DockerEngine,
  request: BuildRequest,
): Promise<BuildSession | ({ readonly id: null } & AsyncDisposable)> {
  if (request.builder === "buildkit") return openBuildSession(docker, request);
  return { id: null, [Symbol.asyncDispose]: async () => undefined };
}

function toQuery(request: BuildRequest, session: string | null): object {
  const { tags, labels, buildArgs, platform, network, builder } = request;
  return {
    t: [...tags],
    labels,
    buildargs: buildArgs,
    dockerfile: "Dockerfile",
    ...(request.useCache ? {} : { nocache: true }),
    ...(request.pull ? { pull: true } : {}),
    ...(platform === null ? {} : { platform }),
    ...(network === null ? {} : { networkmode: network }),
    ...(builder === "buildkit" ? { version: "2", session } : { version: "1", rm: true, forcerm: true }),
  };
}

/** The first builder is told the login beforehand; BuildKit asks for it on its session. */
async function toRegistryConfig({ builder, baseImage, findLogin }: BuildRequest): Promise<object> {
  const registry = toRegistry(baseImage);
  const login = builder === "classic" ? await findLogin(registry) : null;
  return login === null ? {} : { [toServerAddress(registry)]: toAuth(login) };
}

interface BuildPost {
  readonly file: Readable;
  readonly options: object;
  readonly registryconfig: object;
  readonly abortSignal: AbortSignal;
}

/** Not the library's own method: it opens a session of its own; see {@link openBuildSession}. */
function post(docker: DockerEngine, build: BuildPost): Promise<NodeJS.ReadableStream> {
  const { abortSignal } = build;
  const statusCodes = { 200: true, 400: "bad parameter", 500: "server error" };
  const request = { ...build, path: "/build?", method: "POST", isStream: true, statusCodes };
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: Error | null, answer: unknown) => {
      if (error !== null) return reject(abortSignal.aborted ? abortSignal.reason : toBuildError(error));
      resolve(answer as NodeJS.ReadableStream);
    });
  });
}

/** The first builder refuses a Dockerfile before the first step. */
function toBuildError(error: Error): Error {
  if (!hasStatus(error, 400) && !hasStatus(error, 500)) return error;
  return explainBuild(toReason(error), null, []);
}

/** What is known about an image; null when the engine has none of this name. */
export async function inspectImage(
  docker: DockerEngine,
  name: string,
): Promise<Docker.ImageInspectInfo | null> {
  try {
    return await docker.getImage(name).inspect();
  } catch (error) {
    if (hasStatus(error, 404)) return null;
    throw error;
  }
}

/** @throws ImageError when the engine has no image of this name */
export async function requireImage(docker: DockerEngine, name: string): Promise<void> {
  if ((await inspectImage(docker, name)) !== null) return;
  throw new ImageError(`The engine has no image ${name}, and is not to pull one.`, [
    `Pull it: docker pull ${name}`,
    "Or allow it: --pull missing",
  ]);
}
