import { writeFile } from "node:fs/promises";
import type { Config } from "../../config/config.ts";
import { openContext } from "../../docker/build-context.ts";
import type { BuildEvent } from "../../docker/build-events.ts";
import {
  type Builder,
  type BuildRequest,
  buildImage,
  chooseBuilder,
  inspectImage,
  requireImage,
} from "../../docker/build-image.ts";
import { toDockerfile, WARNING_PREFIX } from "../../docker/dockerfile.ts";
import type { DockerConnection } from "../../docker/engine.ts";
import { BuildError } from "../../docker/errors.ts";
import type { ImagePlan } from "../../docker/image-plan.ts";
import { removeReplacedImages } from "../../docker/images.ts";
import { pushImage } from "../../docker/push-image.ts";
import { type FindLogin, toRegistry } from "../../docker/registry-login.ts";
import { packPackage } from "../../docker/runtime-package.ts";
import { saveImage } from "../../docker/save-image.ts";
import { readSourceRevision, type SourceRevision } from "../../docker/source-revision.ts";

export interface BuildTask {
  readonly config: Config;
  readonly plan: ImagePlan;
  readonly connection: DockerConnection;
  /** The folder of the package that this command is in. */
  readonly ownPackage: string;
  /** Empty: one of the commit and `latest`. */
  readonly tags: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly builder: "auto" | Builder;
  readonly pull: "missing" | "always" | "never";
  readonly useCache: boolean;
  readonly platform: string | null;
  readonly network: string | null;
  readonly iidFile: string | null;
  /** The archive to write the image to; null for none. */
  readonly archive: string | null;
  readonly push: boolean;
  readonly findLogin: FindLogin;
  readonly signal: AbortSignal;
  readonly onWarning: (message: string) => void;
}

export interface BuiltImage {
  readonly imageId: string;
  readonly tags: readonly string[];
  /** By tag, what the registry calls it; empty when nothing was pushed. */
  readonly digests: Readonly<Record<string, string | null>>;
  /** Absolute; null when none was written. */
  readonly archive: string | null;
  /** In bytes. */
  readonly size: number;
  readonly layers: number;
  readonly contextBytes: number;
  readonly contextFiles: number;
  /** A hash of everything that the image was made of. */
  readonly contextDigest: string;
  readonly builder: Builder;
  readonly packageManager: string;
  readonly lockfile: string | null;
  readonly durationMs: number;
}

/** Builds the image of a plan, and pushes it if asked to. @throws BuildError, ImageError */
export async function buildProjectImage(
  task: BuildTask,
  onEvent: (event: BuildEvent) => void,
): Promise<BuiltImage> {
  const startedAtMs = performance.now();
  const { plan, connection } = task;
  const { docker } = connection;
  const builder = task.builder === "auto" ? chooseBuilder(connection) : task.builder;
  checkBuilder(task, builder);
  if (task.pull === "never") await requireImage(docker, plan.dockerfile.baseImage);

  const name = toImageName(task.config.name);
  const revision = await readSourceRevision(plan.tree.root);
  warnAboutTrackedSecrets(task, revision);
  const tags = task.tags.length > 0 ? task.tags : defaultTags(name, revision);
  const added = await addedFiles(task, builder);
  const contextDigest = await (await openContext(plan.tree.root, plan.context, added)).digest();
  const labels = { ...toLabels(task, name, { revision, contextDigest }), ...task.labels };
  const request = toBuildRequest(task, { builder, tags, added, labels, onEvent });
  const imageId = await buildImage(docker, request);
  await removeReplacedImages(docker, name);
  if (task.iidFile !== null) await writeFile(task.iidFile, imageId);
  // By its name, so that the archive has it too.
  if (task.archive !== null)
    await saveImage(docker, tags[0] ?? imageId, { file: task.archive, signal: task.signal });
  const digests = task.push ? await pushAll(task, tags, onEvent) : {};
  const image = await inspectImage(docker, imageId);
  return {
    imageId,
    tags,
    digests,
    archive: task.archive,
    size: image?.Size ?? 0,
    layers: image?.RootFS.Layers?.length ?? 0,
    contextBytes: plan.context.bytes,
    contextFiles: plan.context.files.length,
    contextDigest,
    builder,
    packageManager: plan.dockerfile.manager.name,
    lockfile: plan.dockerfile.manager.lockfile,
    durationMs: Math.round(performance.now() - startedAtMs),
  };
}

function toBuildRequest(
  { plan, buildArgs, findLogin, platform, useCache, pull, network, signal, onWarning }: BuildTask,
  made: Pick<BuildRequest, "builder" | "tags" | "added" | "labels" | "onEvent">,
): BuildRequest {
  return {
    ...made,
    root: plan.tree.root,
    context: plan.context,
    secrets: plan.secrets,
    baseImage: plan.dockerfile.baseImage,
    pull: pull === "always",
    ...{ buildArgs, findLogin, platform, useCache, network, signal },
    onEvent: (event) => {
      const warning = event.kind === "log" ? event.line.split(WARNING_PREFIX)[1] : undefined;
      if (warning !== undefined) onWarning(`${warning}.`);
      made.onEvent(event);
    },
  };
}

function warnAboutTrackedSecrets({ onWarning }: BuildTask, revision: SourceRevision | null): void {
  for (const file of revision?.trackedSecrets ?? []) {
    onWarning(`${file} is in git, where everyone with the repository can read it: git rm --cached ${file}`);
  }
}

async function pushAll(
  { connection, findLogin, signal }: BuildTask,
  tags: readonly string[],
  onEvent: (event: BuildEvent) => void,
): Promise<Record<string, string | null>> {
  const digests: Record<string, string | null> = {};
  for (const tag of tags) {
    const startedAtMs = performance.now();
    const step = `push ${tag}`;
    onEvent({ kind: "started", step });
    const login = await findLogin(toRegistry(tag));
    digests[tag] = await pushImage(connection.docker, tag, { login, signal });
    onEvent({ kind: "done", step, durationMs: Math.round(performance.now() - startedAtMs) });
  }
  return digests;
}

/** What the first builder would ignore without a word is refused. @throws BuildError */
function checkBuilder({ platform, connection, plan }: BuildTask, builder: Builder): void {
  if (builder === "buildkit") return;
  const refuse = (what: string) => {
    throw new BuildError(
      `${what} needs BuildKit, and the engine builds without it.`,
      { step: null, lines: [] },
      ["Use an engine with BuildKit, Docker 20.10 or newer, and not --builder classic."],
    );
  };
  if (platform !== null && platform !== connection.engine.platform) refuse(`An image for ${platform}`);
  if (plan.secrets.size > 0) refuse(`A secret (${[...plan.secrets.keys()].join(", ")})`);
}

async function addedFiles(
  { plan, ownPackage }: Pick<BuildTask, "plan" | "ownPackage">,
  builder: Builder,
): Promise<Record<string, Buffer>> {
  const isBuildKit = builder === "buildkit";
  const dockerfile = {
    ...plan.dockerfile,
    mounts: isBuildKit,
    secrets: isBuildKit ? plan.dockerfile.secrets : [],
  };
  const file = plan.dockerfile.runtime?.file ?? null;
  return {
    Dockerfile: Buffer.from(toDockerfile(dockerfile)),
    ...(file === null ? {} : { [file]: await packPackage(ownPackage) }),
  };
}

/** A hash of everything that the image of a plan is made of; the image has it as its label `dev.aegra.context`. */
export async function readContextDigest(
  { plan, ownPackage }: Pick<BuildTask, "plan" | "ownPackage">,
  builder: Builder,
): Promise<string> {
  const added = await addedFiles({ plan, ownPackage }, builder);
  return (await openContext(plan.tree.root, plan.context, added)).digest();
}

/** What Docker takes for the name of an image. */
export const toImageName = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "") || "aegra-project";

function defaultTags(name: string, revision: SourceRevision | null): string[] {
  if (revision === null) return [`${name}:latest`];
  return [`${name}:${revision.commit.slice(0, 7)}${revision.isDirty ? "-dirty" : ""}`, `${name}:latest`];
}

function toLabels(
  { config, plan }: BuildTask,
  name: string,
  { revision, contextDigest }: { readonly revision: SourceRevision | null; readonly contextDigest: string },
): Record<string, string> {
  const { version } = plan.tree.manifest;
  return {
    "org.opencontainers.image.title": config.name,
    ...(version === undefined ? {} : { "org.opencontainers.image.version": version }),
    ...(revision === null ? {} : { "org.opencontainers.image.revision": revision.commit }),
    "dev.aegra.image": name,
    "dev.aegra.context": contextDigest,
    "dev.aegra.graphs": Object.keys(config.graphs).join(","),
  };
}
