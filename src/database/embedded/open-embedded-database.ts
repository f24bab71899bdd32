import path from "node:path";
import { loadCredentials, newPassword, writeCredentials } from "../credentials.ts";
import type { DevDatabase } from "../dev-database.ts";
import { DatabaseError, errorCode } from "../errors.ts";
import { choosePort, isPortFree } from "../free-port.ts";
import { ensureLocalDatabase, type LocalAddress, toLocalUrl } from "../local-database.ts";
import { ensureProjectDirectory } from "../project-directory.ts";
import type { PostgresBinaries } from "./binaries.ts";
import {
  checkVersion,
  createCluster,
  DATA_FOLDER,
  isCluster,
  removeDrafts,
  resetPassword,
} from "./cluster.ts";
import { disarmLeftoverPidFile } from "./pid-file.ts";
import { choosePlace, type Place, reachableBinaries } from "./place.ts";
import { type Server, startPostmaster, stopPostmaster, stopPostmasterAtExit } from "./postmaster.ts";

export interface EmbeddedOptions {
  readonly projectRoot: string;
  readonly binaries: PostgresBinaries;
  /** Settings of Postgres by name, above its defaults. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly onProgress: (line: string) => void;
}

const PORT_ATTEMPTS = 3;
// SQLSTATE invalid_password.
const WRONG_PASSWORD = "28P01";

/**
 * Starts the Postgres of a project, creating it the first time. The caller holds the project's lock: a
 * server that is found running was left by a process that died, and is stopped first.
 *
 * @throws DatabaseError when it cannot be created or started
 */
export async function openEmbeddedDatabase(options: EmbeddedOptions): Promise<DevDatabase> {
  const { projectRoot, onProgress, signal } = options;
  const directory = await ensureProjectDirectory(projectRoot);
  const place = await choosePlace(directory, onProgress);
  const server: Server = {
    binaries: await reachableBinaries(options.binaries, place.user, onProgress),
    user: place.user,
    dataDirectory: path.join(place.home, DATA_FOLDER),
  };
  const credentialsFile = path.join(directory, "postgres.json");
  const password = await prepareCluster(server, place, credentialsFile, options);

  try {
    const address = await startOnFreePort(server, password, { ...options, credentialsFile });
    signal?.throwIfAborted();
    const version = await connect(address, credentialsFile);
    return toDevDatabase(server, address, describe(version, address, server, place, projectRoot));
  } catch (error) {
    await stopPostmaster(server);
    throw error;
  }
}

/** @returns the password of the cluster, which exists and is not running afterwards */
async function prepareCluster(
  server: Server,
  place: Place,
  credentialsFile: string,
  { onProgress, signal }: EmbeddedOptions,
): Promise<string> {
  const known = await loadCredentials(credentialsFile);
  const password = known?.password ?? newPassword();
  const options = { ...server, ...place, password, ...(signal === undefined ? {} : { signal }) };

  await removeDrafts(place.home);
  if (!(await isCluster(server.dataDirectory))) {
    onProgress(`creating a Postgres ${server.binaries.version} in ${server.dataDirectory}`);
    // Before the cluster, so that there is never a cluster whose password nobody knows.
    await writeCredentials(credentialsFile, { password, port: known?.port ?? null });
    await createCluster(options);
    return password;
  }
  await checkVersion(server.dataDirectory, server.binaries);
  await stopPostmaster(server);
  await disarmLeftoverPidFile(server.dataDirectory);
  if (known === null) {
    await resetPassword(options);
    await writeCredentials(credentialsFile, { password, port: null });
  }
  return password;
}

/** Between choosing a free port and using it, another program may take it: then another one is chosen. */
async function startOnFreePort(
  server: Server,
  password: string,
  options: EmbeddedOptions & { readonly credentialsFile: string },
): Promise<LocalAddress> {
  const { credentialsFile, settings = {}, signal } = options;
  const before = (await loadCredentials(credentialsFile))?.port ?? null;
  const logFile = path.join(path.dirname(credentialsFile), "postgres.log");
  for (let attempt = 1; ; attempt += 1) {
    const port = await choosePort(before);
    try {
      await startPostmaster(server, { port, settings, logFile, ...(signal === undefined ? {} : { signal }) });
      if (port !== before) await writeCredentials(credentialsFile, { password, port });
      return { port, password };
    } catch (error) {
      const portWasTaken = error instanceof DatabaseError && !(await isPortFree(port));
      if (!portWasTaken || attempt === PORT_ATTEMPTS) throw error;
    }
  }
}

async function connect(address: LocalAddress, credentialsFile: string): Promise<string> {
  try {
    return await ensureLocalDatabase(address);
  } catch (error) {
    if (errorCode(error) !== WRONG_PASSWORD) throw error;
    throw new DatabaseError(
      `The password in ${credentialsFile} is not that of the project's Postgres.`,
      [`Delete ${credentialsFile} and run the command again: a new password is set, the data stay.`],
      error,
    );
  }
}

function toDevDatabase(server: Server, address: LocalAddress, description: string): DevDatabase {
  const forget = stopPostmasterAtExit(server);
  let stopped: Promise<void> | null = null;
  return {
    url: toLocalUrl(address),
    kind: "embedded",
    description,
    [Symbol.asyncDispose]: () => {
      stopped ??= stopPostmaster(server).finally(forget);
      return stopped;
    },
  };
}

function describe(
  version: string,
  { port }: LocalAddress,
  server: Server,
  place: Place,
  root: string,
): string {
  const isInProject = place.closedDirectory === null;
  const where = isInProject ? path.relative(root, server.dataDirectory) : server.dataDirectory;
  const why = isInProject ? "" : ` (the user Postgres runs as cannot enter ${place.closedDirectory})`;
  return `embedded Postgres ${version} in ${where}, port ${port}${why}`;
}
