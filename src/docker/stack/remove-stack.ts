import { removeContainer } from "../containers.ts";
import type { DockerEngine } from "../engine.ts";
import { hasStatus } from "../errors.ts";
import { ofProject } from "./labels.ts";
import { listStack } from "./list-stack.ts";
import { listVolumes } from "./start-stack.ts";

export interface RemoveOptions {
  readonly removesVolumes: boolean;
  readonly removesImages: boolean;
  /** Seconds that a container gets to stop in. */
  readonly graceSeconds: number;
  readonly onProgress: (line: string) => void;
}

/** Names of what was removed, and of what has been left. */
export interface Removed {
  readonly removed: {
    readonly containers: readonly string[];
    readonly networks: readonly string[];
    readonly volumes: readonly string[];
    readonly images: readonly string[];
  };
  readonly kept: { readonly volumes: readonly string[] };
}

/** Name of the image that is built for a stack. */
export const toStackImage = (project: string): string => `${project}-api`;

/** Removes a stack: what uses others goes before them. Does nothing when there is none. */
export async function removeStack(
  docker: DockerEngine,
  project: string,
  { removesVolumes, removesImages, graceSeconds, onProgress }: RemoveOptions,
): Promise<Removed> {
  const containers = await listStack(docker, project);
  for (const service of new Set(containers.map((container) => container.service).reverse())) {
    const together = containers.filter((container) => container.service === service);
    await Promise.all(
      together.map(async ({ id, name }) => {
        await removeContainer(docker, id, graceSeconds);
        onProgress(`removed ${name}`);
      }),
    );
  }
  const networks = await docker.listNetworks({ filters: ofProject(project) });
  for (const { Id: id } of networks) await unlessGone(docker.getNetwork(id).remove());
  const volumes = await listVolumes(docker, project);
  if (removesVolumes) {
    for (const name of volumes) await unlessGone(docker.getVolume(name).remove());
  }
  return {
    removed: {
      containers: containers.map(({ name }) => name),
      networks: networks.map(({ Name: name }) => name),
      volumes: removesVolumes ? volumes : [],
      images: removesImages ? await removeImages(docker, project) : [],
    },
    kept: { volumes: removesVolumes ? [] : volumes },
  };
}

async function removeImages(docker: DockerEngine, project: string): Promise<string[]> {
  const found = await docker.listImages({ filters: { reference: [toStackImage(project)] } });
  const tags = found
    .flatMap(({ RepoTags: names }) => names ?? [])
    .filter((tag) => tag.startsWith(`${toStackImage(project)}:`));
  for (const tag of tags) await unlessGone(docker.getImage(tag).remove());
  return tags;
}

async function unlessGone(request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!hasStatus(error, 404)) throw error;
  }
}
