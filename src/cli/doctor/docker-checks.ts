import { statfs } from "node:fs/promises";
import { readDockerEnvironment } from "../../config/docker-environment.ts";
import { chooseBuilder, inspectImage } from "../../docker/build-image.ts";
import { type DockerConnection, openDocker } from "../../docker/engine.ts";
import { type EngineDetails, inspectEngine, listPortOwners } from "../../docker/inspect-engine.ts";
import { listContainerProblems } from "../../docker/list-container-problems.ts";
import { isPortFree } from "../../docker/stack/ports.ts";
import { atWorst, type CheckResult, fail, ok, runCheck, skip, warn } from "./check.ts";

export interface DockerCheckRequest {
  readonly context: string | undefined;
  /** What `up` and `build` start from. */
  readonly images: readonly string[];
  /** Of the server. */
  readonly port: number;
  /** Whether the project has a database, so that it can be served without Docker. */
  readonly isOptional: boolean;
  /** The name of the project in Docker; null when there is no project. */
  readonly findProject: (connection: DockerConnection) => Promise<string | null>;
}

const GIGABYTE = 1e9;
const SCARCE_BYTES = 5 * GIGABYTE;
const TOO_LITTLE_BYTES = GIGABYTE;
const MAX_CLOCK_MS = 5_000;

export async function checkDocker(request: DockerCheckRequest): Promise<CheckResult[]> {
  let connection: DockerConnection | null = null;
  let details: EngineDetails | null = null;
  const engine = await runCheck("docker", async () => {
    connection = await openDocker({ environment: readDockerEnvironment(), context: request.context });
    details = await inspectEngine(connection.docker);
    return ok(describe(connection, details));
  });
  const found = connection as DockerConnection | null;
  if (found === null || details === null) {
    return [
      request.isOptional ? atWorst("warn", engine) : engine,
      await runCheck("port", () => checkPort(request.port, null, null)),
    ];
  }
  const { docker, engine: facts, endpoint } = found;
  const known = details as EngineDetails;
  let project: string | null = null;
  const naming = await runCheck("docker-project", async () => {
    project = await request.findProject(found);
    return project === null ? skip("there is no project here") : ok(project);
  });
  return [
    engine,
    naming,
    await runCheck("docker-builder", () =>
      chooseBuilder(found) === "buildkit"
        ? ok("BuildKit")
        : warn("the first builder: nothing is kept between builds"),
    ),
    await runCheck("docker-disk", () =>
      endpoint.remoteHost === null ? checkDisk(known.folder) : skip("the engine is on another machine"),
    ),
    await runCheck("docker-clock", () => checkClock(known.clockAheadMs)),
    await runCheck("port", () => checkPort(request.port, found, project)),
    ...(await Promise.all(
      request.images.map((image) =>
        runCheck("docker-image", async () =>
          checkImage(image, await inspectImage(docker, image), facts.platform),
        ),
      ),
    )),
    await runCheck("containers", async () => {
      if (project === null) return skip("there is no project here");
      const { count, problems } = await listContainerProblems(docker, project);
      if (problems.length > 0) return warn(problems.join("; "), "See why: aegra logs --tail 50");
      return ok(count === 0 ? `none of ${project}` : `${count} of ${project}, none of them in trouble`);
    }),
  ];
}

function describe({ endpoint, engine }: DockerConnection, { isRootless, cgroup }: EngineDetails): string {
  const name = engine.isPodman ? "Podman" : "Docker";
  const more = [engine.platform, isRootless && "rootless", cgroup !== null && `cgroup v${cgroup}`].filter(
    Boolean,
  );
  return `${name} ${engine.version} (API ${engine.apiVersion}, ${more.join(", ")}) at ${endpoint.address} (${endpoint.source})`;
}

async function checkDisk(folder: string | null) {
  let free: number;
  try {
    if (folder === null) return skip("the engine does not say where it keeps its data");
    const { bavail, bsize } = await statfs(folder);
    free = bavail * bsize;
  } catch {
    // On a Mac, or in WSL, it is a folder of another system.
    return skip(`${folder} is not on this system`);
  }
  const detail = `${(free / GIGABYTE).toFixed(1)} GB free in ${folder}`;
  if (free >= SCARCE_BYTES) return ok(detail);
  const fix = "See what can go: docker system df";
  return free < TOO_LITTLE_BYTES ? fail(detail, fix) : warn(detail, fix);
}

function checkClock(aheadMs: number | null) {
  if (aheadMs === null) return skip("the engine does not say what time it is");
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  if (Math.abs(aheadMs) <= MAX_CLOCK_MS) return ok("as this machine's");
  const side = aheadMs > 0 ? "ahead of" : "behind";
  return warn(
    `${seconds} s ${side} this machine's`,
    "Set it right, or restart Docker: certificates and logs depend on it.",
  );
}

async function checkPort(port: number, connection: DockerConnection | null, project: string | null) {
  if (await isPortFree(port, "127.0.0.1")) return ok(`${port} is free`);
  const owners = connection === null ? [] : await listPortOwners(connection.docker, port);
  const [owner] = owners;
  if (owner === undefined)
    return warn(`${port} is taken by another program`, "Stop it, or choose another one with --port.");
  if (project !== null && owner.project === project) return ok(`${port} is this project's (${owner.name})`);
  return warn(
    `${port} is taken by the container ${owner.name}`,
    `docker stop ${owner.name}, or choose another one with --port.`,
  );
}

function checkImage(
  image: string,
  found: { readonly Os: string; readonly Architecture: string } | null,
  platform: string,
) {
  if (found === null) return skip(`${image} is not here yet; it is pulled when it is needed`);
  const own = `${found.Os}/${found.Architecture}`;
  return own === platform
    ? ok(`${image} is here`)
    : fail(
        `${image} is for ${own}, and the engine is ${platform}`,
        `docker pull --platform ${platform} ${image}`,
      );
}
