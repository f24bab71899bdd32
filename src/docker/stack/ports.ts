import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import type { DockerEngine } from "../engine.ts";
import { toReason } from "../errors.ts";
import { StackError } from "./errors.ts";
import { LABEL } from "./labels.ts";

/** Whether a port of this machine can be listened on. */
export async function isPortFree(port: number, host: string): Promise<boolean> {
  const server = createServer();
  try {
    server.listen({ port, host, exclusive: true });
    await once(server, "listening");
    return true;
  } catch {
    // Whatever the reason, the engine cannot publish it either.
    return false;
  } finally {
    server.close();
  }
}

/** The engines' words for it: a container has it, another program has it, and those of Docker Desktop. */
const TAKEN = /port is already allocated|address already in use|ports are not available/i;

/** Whether the engine refused to start a container because of a port; every system has its own words for it. */
export const isPortTaken = (error: unknown): boolean => error instanceof Error && TAKEN.test(toReason(error));

/** @throws StackError `PORT_IN_USE`, which names who has it where that can be found out */
export async function refusePort(docker: DockerEngine, port: number, cause?: unknown): Promise<never> {
  const owner = (await findContainer(docker, port)) ?? (await findProcess(port));
  throw new StackError(`Port ${port} is in use${owner === null ? "" : ` by ${owner.what}`}.`, {
    code: "PORT_IN_USE",
    suggestions: [
      ...(owner?.stop == null ? [] : [`Stop it: ${owner.stop}`]),
      "Choose another one with --port, or --port auto for any free one.",
    ],
    cause,
  });
}

interface Owner {
  readonly what: string;
  /** The command that ends it; null when that is for the user to know. */
  readonly stop: string | null;
}

async function findContainer(docker: DockerEngine, port: number): Promise<Owner | null> {
  const containers = await docker.listContainers();
  const found = containers.find(({ Ports: ports }) => ports.some(({ PublicPort }) => PublicPort === port));
  if (found === undefined) return null;
  const name = found.Names[0]?.replace(/^\//, "") ?? found.Id.slice(0, 12);
  const project = found.Labels[LABEL.project];
  if (found.Labels["dev.aegra.project"] !== undefined && project !== undefined) {
    return {
      what: `the container ${name} of the project ${project}`,
      stop: `aegra down --project ${project}`,
    };
  }
  return { what: `the container ${name}`, stop: `docker stop ${name}` };
}

const LISTENS = "0A";

/** Linux tells which program listens; elsewhere, and for programs of other users, nobody knows. */
async function findProcess(port: number): Promise<Owner | null> {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  const tables = await Promise.all(
    ["/proc/net/tcp", "/proc/net/tcp6"].map((file) => readFile(file, "utf8").catch(() => "")),
  );
  const rows = tables.flatMap((table) => table.split("\n").map((row) => row.trim().split(/\s+/)));
  const inodes = rows
    .filter(([, local, , state]) => local?.endsWith(`:${wanted}`) && state === LISTENS)
    .map((row) => `socket:[${row[9]}]`);
  if (inodes.length === 0) return null;
  const processes = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    if (!(await holds(pid, inodes))) continue;
    const command = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a program")).trim();
    return { what: `${command} (process ${pid})`, stop: null };
  }
  return null;
}

async function holds(pid: string, sockets: readonly string[]): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const files = await readdir(folder).catch(() => []);
  for (const file of files) {
    const target = await readlink(`${folder}/${file}`).catch(() => "");
    if (sockets.includes(target)) return true;
  }
  return false;
}
