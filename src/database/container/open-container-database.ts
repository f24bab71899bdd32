import { createHash } from "node:crypto";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  createContainer,
  getContainerState,
  listContainers,
  readLastLines,
  removeContainer,
  runInContainer,
  type ServiceLabels,
  startContainer,
} from "../../docker/containers.ts";
import type { DockerEngine } from "../../docker/engine.ts";
import { hasStatus } from "../../docker/errors.ts";
import { ensureImage } from "../../docker/images.ts";
import { loadCredentials, newPassword, writeCredentials } from "../credentials.ts";
import type { DevDatabase } from "../dev-database.ts";
import { DatabaseError, errorCode } from "../errors.ts";
import { choosePort, isPortFree } from "../free-port.ts";
import { ensureLocalDatabase, LOCAL_NAME, type LocalAddress, toLocalUrl } from "../local-database.ts";
import { ensureProjectDirectory } from "../project-directory.ts";

export interface ContainerOptions {
  readonly docker: DockerEngine;
  readonly projectRoot: string;
  readonly image: string;
  readonly signal?: AbortSignal;
  readonly onProgress: (line: string) => void;
}

/** What belongs to one project; the container comes and goes, the volume stays. */
interface ProjectNames {
  /** Name of the container, and value of the project's label. */
  readonly project: string;
  readonly volume: string;
  readonly labels: ServiceLabels;
}

// The folder of the volume is not the image's own: where that is differs between the images of Postgres 17 and 18.
const VOLUME_FOLDER = "/var/lib/aegra-postgres";
const PORT_ATTEMPTS = 3;
const READY_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
const STOP_GRACE_S = 30;
// SQLSTATE invalid_password.
const WRONG_PASSWORD = "28P01";

/**
 * Starts Postgres in a container that is reachable from this machine only. The caller holds the project's
 * lock: a container that is found was left by a process that died, and is replaced. Disposing removes the
 * container and keeps its volume.
 *
 * @throws DatabaseError when it does not become ready; DockerError when the image cannot be pulled
 */
export async function openContainerDatabase(options: ContainerOptions): Promise<DevDatabase> {
  const { docker, image, projectRoot, onProgress, signal } = options;
  const credentialsFile = path.join(await ensureProjectDirectory(projectRoot), "postgres-container.json");
  const known = await loadCredentials(credentialsFile);
  const password = known?.password ?? newPassword();
  const names = toNames(projectRoot);

  await ensureImage(docker, image, { onProgress, ...(signal === undefined ? {} : { signal }) });
  await removeAll(docker, names.labels);
  await writeCredentials(credentialsFile, { password, port: known?.port ?? null });
  try {
    onProgress(`starting ${image}`);
    const { id, port } = await startOnFreePort(options, names, { password, port: known?.port ?? null });
    await writeCredentials(credentialsFile, { password, port });
    const version = await waitUntilReady(options, id, { port, password });
    let removed: Promise<void> | null = null;
    return {
      url: toLocalUrl({ port, password }),
      kind: "container",
      description: `Postgres ${version} in container ${names.project} (${image}), port ${port}`,
      [Symbol.asyncDispose]: () => {
        removed ??= removeContainer(docker, id, STOP_GRACE_S);
        return removed;
      },
    };
  } catch (error) {
    await removeAll(docker, names.labels);
    throw error;
  }
}

/** Two projects may have folders of the same name: the hash of the path tells them apart. */
function toNames(projectRoot: string): ProjectNames {
  const slug = path
    .basename(projectRoot)
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-|-$/g, "");
  const hash = createHash("sha256").update(projectRoot).digest("hex").slice(0, 8);
  const project = `aegra-dev-${slug || "project"}-${hash}`;
  return {
    project,
    volume: `${project}-postgres`,
    labels: { "dev.aegra.project": project, "dev.aegra.service": "postgres" },
  };
}

async function removeAll(docker: DockerEngine, labels: ServiceLabels): Promise<void> {
  for (const id of await listContainers(docker, labels)) await removeContainer(docker, id, STOP_GRACE_S);
}

/** Between choosing a free port and using it, another program may take it: then another one is chosen. */
async function startOnFreePort(
  { docker, image, signal }: ContainerOptions,
  names: ProjectNames,
  last: { readonly password: string; readonly port: number | null },
): Promise<{ id: string; port: number }> {
  for (let attempt = 1; ; attempt += 1) {
    signal?.throwIfAborted();
    const port = await choosePort(last.port);
    const id = await createContainer(docker, {
      name: names.project,
      labels: names.labels,
      body: toContainer(image, names, { port, password: last.password }),
    });
    try {
      await startContainer(docker, id);
      return { id, port };
    } catch (error) {
      await removeContainer(docker, id, 0);
      // Docker words a taken port differently on every system, always as 500.
      const portWasTaken = hasStatus(error, 500) && !(await isPortFree(port));
      if (!portWasTaken || attempt === PORT_ATTEMPTS) throw startError(image, error);
    }
  }
}

function toContainer(image: string, names: ProjectNames, { port, password }: LocalAddress) {
  return {
    Image: image,
    Env: [
      `POSTGRES_USER=${LOCAL_NAME}`,
      `POSTGRES_PASSWORD=${password}`,
      `POSTGRES_DB=${LOCAL_NAME}`,
      `PGDATA=${VOLUME_FOLDER}/data`,
    ],
    Labels: { "dev.aegra.kind": "dev-database" },
    ExposedPorts: { "5432/tcp": {} },
    HostConfig: {
      // Docker chooses a new port at every start when none is written here, and listens on all addresses.
      PortBindings: { "5432/tcp": [{ HostIp: "127.0.0.1", HostPort: String(port) }] },
      Mounts: [{ Type: "volume" as const, Source: names.volume, Target: VOLUME_FOLDER }],
    },
  };
}

/** @returns the version of the server */
async function waitUntilReady(
  { docker, signal }: ContainerOptions,
  id: string,
  address: LocalAddress,
): Promise<string> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  let hasResetPassword = false;
  for (;;) {
    signal?.throwIfAborted();
    try {
      return await ensureLocalDatabase(address);
    } catch (error) {
      if (errorCode(error) === WRONG_PASSWORD && !hasResetPassword) {
        await resetPassword(docker, id, address.password);
        hasResetPassword = true;
      } else {
        await refuseIfHopeless(docker, id, deadline, error);
      }
    }
    await sleep(POLL_MS);
  }
}

/** While it starts, connections are refused or cut in many ways; its state tells whether to go on. */
async function refuseIfHopeless(
  docker: DockerEngine,
  id: string,
  deadline: number,
  cause: unknown,
): Promise<void> {
  const { running, exitCode } = await getContainerState(docker, id);
  if (running && Date.now() <= deadline) return;

  const why = running ? `was not ready after ${READY_TIMEOUT_MS / 1000} s` : `ended with code ${exitCode}`;
  const log = await readLastLines(docker, id, 15);
  throw new DatabaseError(
    `The Postgres container ${why}. Its last lines:\n${log}`,
    [
      "If Docker runs on another machine, its ports are not reachable here: use --database-url.",
      "If the data were made by another version of Postgres, name its image in AEGRA_POSTGRES_IMAGE.",
    ],
    cause,
  );
}

/** The volume outlives the file with its password; inside the container no password is asked for. */
async function resetPassword(docker: DockerEngine, id: string, password: string): Promise<void> {
  const sql = `alter role ${LOCAL_NAME} password '${password}'`;
  const { exitCode, output } = await runInContainer(docker, id, [
    "psql",
    "--username",
    LOCAL_NAME,
    "--dbname",
    "postgres",
    "--set",
    "ON_ERROR_STOP=1",
    "--command",
    sql,
  ]);
  if (exitCode !== 0) {
    throw new DatabaseError(`The password of the Postgres container could not be set: ${output.trim()}`);
  }
}

function startError(image: string, cause: unknown): DatabaseError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new DatabaseError(
    `The Postgres container (${image}) did not start: ${why}`,
    ["Or name a server you have: --database-url postgres://user:password@host:5432/database"],
    cause,
  );
}
