import type Docker from "dockerode";
import type { DockerEngine } from "./engine.ts";
import { hasStatus } from "./errors.ts";

/** Containers of one service of one project are found by these labels, never by their names. */
export interface ServiceLabels {
  readonly "dev.aegra.project": string;
  readonly "dev.aegra.service": string;
}

export interface NewContainer {
  readonly name: string;
  readonly labels: ServiceLabels;
  readonly body: Docker.ContainerCreateOptions;
}

export interface ContainerState {
  readonly running: boolean;
  readonly exitCode: number;
}

/** The ids of all containers with these labels, running or not. */
export async function listContainers(docker: DockerEngine, labels: ServiceLabels): Promise<string[]> {
  const label = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const containers = await docker.listContainers({ all: true, filters: { label } });
  return containers.map(({ Id: id }) => id);
}

/** @returns the id of the container, which is not running yet */
export async function createContainer(
  docker: DockerEngine,
  { name, labels, body }: NewContainer,
): Promise<string> {
  // Given in the documented form, the library writes the whole body into the URL too, passwords included.
  const request: Docker.ContainerCreateOptions & { _query: object; _body: object } = {
    _query: { name },
    _body: { ...body, Labels: { ...body.Labels, ...labels } },
  };
  return (await docker.createContainer(request)).id;
}

/** Also succeeds when it is running already. */
export async function startContainer(docker: DockerEngine, id: string): Promise<void> {
  await unless(304, docker.getContainer(id).start());
}

/** Stops and removes a container and its anonymous volumes; named volumes stay. Also succeeds when it is gone. */
export async function removeContainer(docker: DockerEngine, id: string, graceSeconds: number): Promise<void> {
  const container = docker.getContainer(id);
  await unless(404, unless(304, container.stop({ t: graceSeconds })));
  await unless(404, container.remove({ v: true, force: true }));
}

export async function getContainerState(docker: DockerEngine, id: string): Promise<ContainerState> {
  const { State: state } = await docker.getContainer(id).inspect();
  return { running: state.Running, exitCode: state.ExitCode };
}

/**
 * Runs a command inside a running container.
 *
 * @returns its exit code and all that it wrote
 */
export async function runInContainer(
  docker: DockerEngine,
  id: string,
  command: readonly string[],
): Promise<{ exitCode: number; output: string }> {
  const exec = await docker
    .getContainer(id)
    .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({});
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  const { ExitCode: exitCode } = await exec.inspect();
  return { exitCode: exitCode ?? -1, output: toText(Buffer.concat(chunks)) };
}

/** The last lines that a container without a terminal has written. */
export async function readLastLines(docker: DockerEngine, id: string, lines: number): Promise<string> {
  const frames = await docker
    .getContainer(id)
    .logs({ stdout: true, stderr: true, tail: lines, follow: false });
  return toText(frames).trimEnd();
}

/** Takes the frames apart: one byte for the stream, three unused, four for the length, then the text. */
function toText(frames: Buffer): string {
  const parts: Buffer[] = [];
  for (let start = 0; start + 8 <= frames.length; ) {
    const end = start + 8 + frames.readUInt32BE(start + 4);
    parts.push(frames.subarray(start + 8, end));
    start = end;
  }
  return Buffer.concat(parts).toString("utf8");
}

async function unless(status: number, request: Promise<unknown>): Promise<void> {
  try {
    await request;
  } catch (error) {
    if (!hasStatus(error, status)) throw error;
  }
}
