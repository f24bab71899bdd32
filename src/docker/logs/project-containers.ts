import type Docker from "dockerode";
import type { DockerEngine } from "../engine.ts";

/** What Docker Compose writes on the containers of a project, and Aegra too. */
const PROJECT = "com.docker.compose.project";
const SERVICE = "com.docker.compose.service";
const NUMBER = "com.docker.compose.container-number";
const FOLDER = "com.docker.compose.project.working_dir";

/** A container of a project. */
export interface ServiceContainer {
  readonly id: string;
  readonly name: string;
  readonly service: string;
  /** Counts the containers of a service, from 1. */
  readonly index: number;
}

/** Which containers are meant. */
export interface ContainerSelection {
  /** Name of the project. */
  readonly project: string;
  /** Empty: every service. */
  readonly services: readonly string[];
  /** Null: all containers of a service. */
  readonly index: number | null;
}

export interface ListedContainer extends ServiceContainer {
  readonly running: boolean;
}

/** The containers that are meant, running or not, by service and number. */
export async function listProjectContainers(
  docker: DockerEngine,
  selection: ContainerSelection,
  id?: string,
): Promise<ListedContainer[]> {
  const filters = { label: [toProjectFilter(selection.project)], ...(id !== undefined && { id: [id] }) };
  const found = (await docker.listContainers({ all: true, filters })).map(toListed);
  return found
    .filter((container) => isSelected(selection, container))
    .sort((a, b) => a.service.localeCompare(b.service) || a.index - b.index);
}

/** The projects that have containers, with the folders from which these were started. */
export async function listProjectFolders(docker: DockerEngine): Promise<Map<string, Set<string>>> {
  const projects = new Map<string, Set<string>>();
  for (const { Labels: labels } of await docker.listContainers({
    all: true,
    filters: { label: [PROJECT] },
  })) {
    const project = labels[PROJECT] ?? "";
    projects.set(project, (projects.get(project) ?? new Set()).add(labels[FOLDER] ?? ""));
  }
  return projects;
}

export const toProjectFilter = (project: string): string => `${PROJECT}=${project}`;

function isSelected(
  { services, index }: ContainerSelection,
  { service, index: number }: ServiceContainer,
): boolean {
  return (services.length === 0 || services.includes(service)) && (index === null || index === number);
}

function toListed({ Id: id, Names: names, Labels: labels, State: state }: Docker.ContainerInfo) {
  const name = (names[0] ?? id.slice(0, 12)).replace(/^\//, "");
  return {
    id,
    name,
    service: labels[SERVICE] ?? name,
    index: Number(labels[NUMBER] ?? 1),
    running: state === "running",
  };
}
