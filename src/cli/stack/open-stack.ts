import { readDockerEnvironment } from "../../config/docker-environment.ts";
import { loadConfig } from "../../config/load.ts";
import { type DockerConnection, openDocker } from "../../docker/engine.ts";
import { toProjectNames } from "../../docker/project-name.ts";
import { findStackDirectories } from "../../docker/stack/list-stack.ts";
import type { ProjectRequest } from "../base-command.ts";

export interface StackOfProject {
  readonly connection: DockerConnection;
  /** Name of the stack. */
  readonly name: string;
}

/**
 * Connects to the engine and finds out which stack a command is about. With a name it needs no project.
 *
 * @throws ConfigError without a name, where there is no project; DockerError
 */
export async function openStack(
  project: ProjectRequest,
  flags: { readonly project: string | undefined; readonly context: string | undefined },
): Promise<StackOfProject> {
  const given = flags.project ?? (await loadConfig(project));
  const connection = await openDocker({ environment: readDockerEnvironment(), context: flags.context });
  return { connection, name: typeof given === "string" ? given : (await nameStack(connection, given)).name };
}

export interface StackName {
  readonly name: string;
  /** The folder of the project that has the name without a hash, when this stack is to be a new one beside it. */
  readonly other: string | null;
}

/**
 * The name that a project's stack has, or would get. Two checkouts of one project are two stacks: the second one gets
 * a name with a hash of its folder.
 */
export async function nameStack(
  { docker }: DockerConnection,
  project: { readonly name: string; readonly root: string },
): Promise<StackName> {
  const { plain, own } = toProjectNames(project);
  const [ofPlain, ofOwn] = await Promise.all([
    findStackDirectories(docker, plain),
    findStackDirectories(docker, own),
  ]);
  if (ofOwn.length > 0) return { name: own, other: null };
  const other = ofPlain.find((directory) => directory !== project.root) ?? null;
  return { name: other === null ? plain : own, other };
}
