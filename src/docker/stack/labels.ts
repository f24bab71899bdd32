import type { ServiceLabels } from "../containers.ts";

/** What belongs to a stack is found by its labels, never by its name. */
export const LABEL = {
  project: "com.docker.compose.project",
  service: "com.docker.compose.service",
  number: "com.docker.compose.container-number",
  hash: "com.docker.compose.config-hash",
  directory: "com.docker.compose.project.working_dir",
} as const;

/** The version of Compose whose labels these are. */
const COMPOSE_VERSION = "2.26.1";

export interface StackIdentity {
  /** Lower-case letters, digits, `-` and `_`; what everything of the stack is named after. */
  readonly project: string;
  /** Absolute; the folder of the project's configuration. */
  readonly directory: string;
  /** Absolute; the configuration itself. */
  readonly configFile: string;
}

export interface ContainerIdentity {
  readonly service: string;
  /** Counts the containers of a service, from 1. */
  readonly number: number;
  /** Of everything that the container is made from. */
  readonly hash: string;
  readonly dependsOn: readonly string[];
}

/** The labels of Compose too: `docker compose -p <project> ps`, `logs` and `down` then know the stack. */
export function toContainerLabels(
  { project, directory, configFile }: StackIdentity,
  { service, number, hash, dependsOn }: ContainerIdentity,
): ServiceLabels & Record<string, string> {
  return {
    [LABEL.project]: project,
    [LABEL.service]: service,
    [LABEL.number]: String(number),
    [LABEL.hash]: hash,
    [LABEL.directory]: directory,
    "com.docker.compose.project.config_files": configFile,
    "com.docker.compose.oneoff": "False",
    "com.docker.compose.version": COMPOSE_VERSION,
    // Compose stops what depends on others before them.
    "com.docker.compose.depends_on": dependsOn
      .map(
        (name) =>
          `${name}:${name === "migrate" ? "service_completed_successfully" : "service_healthy"}:false`,
      )
      .join(","),
    "dev.aegra.project": project,
    "dev.aegra.service": service,
  };
}

/** @param kind what it is, and how it is called within the stack */
export const toResourceLabels = (
  { project, directory }: StackIdentity,
  kind: { readonly network: string } | { readonly volume: string },
): Record<string, string> => ({
  [LABEL.project]: project,
  [LABEL.directory]: directory,
  "com.docker.compose.version": COMPOSE_VERSION,
  ...("network" in kind
    ? { "com.docker.compose.network": kind.network }
    : { "com.docker.compose.volume": kind.volume }),
  "dev.aegra.project": project,
});

/** A filter for lists of the engine. */
export const ofProject = (project: string) => ({ label: [`${LABEL.project}=${project}`] });
