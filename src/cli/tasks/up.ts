import path from "node:path";
import type { Config } from "../../config/config.ts";
import { loadCredentials, newPassword, writeCredentials } from "../../database/credentials.ts";
import { ensureProjectDirectory } from "../../database/project-directory.ts";
import { inspectImage, requireImage } from "../../docker/build-image.ts";
import type { DockerConnection } from "../../docker/engine.ts";
import { ensureImage, pullImage } from "../../docker/images.ts";
import type { FindLogin } from "../../docker/registry-login.ts";
import { joinErrors, toStarters, type Waiting } from "../../docker/stack/bring-up.ts";
import { listStack, type StackContainer } from "../../docker/stack/list-stack.ts";
import {
  planStack,
  type StackImage,
  type StackPlan,
  type StackRequest,
} from "../../docker/stack/stack-plan.ts";
import { prepareStack } from "../../docker/stack/start-stack.ts";
import { choosePort } from "../stack/choose-ports.ts";
import type { Job, Perform, Report } from "../stack/perform.ts";
import { readStackEnvironment } from "../stack/stack-environment.ts";

export interface UpTask
  extends Pick<
    StackRequest,
    "apis" | "workers" | "bind" | "memoryBytes" | "cpus" | "restart" | "migrates" | "project"
  > {
  readonly config: Config;
  readonly envFiles: readonly string[];
  readonly connection: DockerConnection;
  readonly findLogin: FindLogin;
  /** Makes sure that the project's image is there. @returns its name */
  readonly provideImage: (report: Report) => Promise<string>;
  readonly pull: "missing" | "always" | "never";
  readonly port: number | "auto" | undefined;
  readonly mayMovePort: boolean;
  /** Null: a Postgres of the stack. */
  readonly databaseUrl: string | null;
  readonly postgres: { readonly image: string; readonly port: number | null };
  /** Null: none. */
  readonly redis: { readonly image: string } | { readonly url: string } | null;
  readonly recreates: boolean;
  readonly removesOthers: boolean;
  /** Whether to wait for the servers, too. */
  readonly waits: boolean;
  readonly timeoutSeconds: number;
  readonly logLines: number;
  readonly stop: AbortSignal;
  readonly perform: Perform;
  readonly onWarning: (message: string) => void;
}

export interface RunningStack {
  readonly project: string;
  readonly services: readonly StackContainer[];
  readonly urls: { readonly api: string; readonly docs: string; readonly studio: string };
  /** With the password left out; null for a Postgres that only the stack reaches. */
  readonly databaseUrl: string | null;
  /** Whether something had to be done. */
  readonly changed: boolean;
  readonly timings: { readonly imagesMs: number; readonly totalMs: number };
}

/** Brings a stack up, and leaves alone what is as it should be. @throws StackError, BuildError, ImageError */
export async function bringUp(task: UpTask): Promise<RunningStack> {
  const { connection, project, stop } = task;
  const { docker } = connection;
  const startedAtMs = performance.now();
  const present = await listStack(docker, project);
  const environment = readStackEnvironment(task.config, task.envFiles);
  for (const warning of environment.warnings) task.onWarning(warning);
  const file = path.join(await ensureProjectDirectory(task.config.root), `stack-${project}.json`);
  const known = await loadCredentials(file);
  const port = await choosePort(connection, {
    ...{ asked: task.port, remembered: known?.port ?? null, count: task.apis, bind: task.bind, present },
    mayMove: task.mayMovePort,
  });
  const stored = known?.password ?? newPassword();
  // Before the first container: a volume whose password is lost cannot be used again.
  if (known?.password !== stored || known.port !== port)
    await writeCredentials(file, { password: stored, port });

  const images = await provideImages(task);
  const imagesMs = Math.round(performance.now() - startedAtMs);
  stop.throwIfAborted();
  const password = environment.postgresPassword ?? stored;
  const request: StackRequest = {
    ...task,
    directory: task.config.root,
    configFile: task.config.file,
    image: images.app,
    port,
    postgres:
      images.postgres === null
        ? { url: task.databaseUrl ?? "" }
        : { image: images.postgres, password, port: task.postgres.port },
    redis: images.redis === null ? (task.redis as { url: string } | null) : { image: images.redis },
    environment: environment.variables,
  };
  const actions = await startWaves(task, planStack(request), {
    secrets: [
      password,
      ...toSecrets(task.databaseUrl),
      ...toSecrets("url" in (task.redis ?? {}) ? (task.redis as { url: string }).url : null),
    ],
  });
  const api = toUrl(task, port);
  return {
    project,
    services: await listStack(docker, project),
    urls: { api, docs: `${api}/docs`, studio: `https://smith.langchain.com/studio/?baseUrl=${api}` },
    databaseUrl:
      task.postgres.port === null ? null : `postgres://aegra:***@${toHost(task)}:${task.postgres.port}/aegra`,
    changed: actions.some((action) => action !== "unchanged"),
    timings: { imagesMs, totalMs: Math.round(performance.now() - startedAtMs) },
  };
}

/** Where ports of the stack are reached from here. */
export function toHost({ connection, bind }: Pick<UpTask, "connection" | "bind">): string {
  const local = bind === "0.0.0.0" || bind === "::" ? "127.0.0.1" : bind;
  return connection.endpoint.remoteHost ?? (local.includes(":") ? `[${local}]` : local);
}

const toUrl = (task: Pick<UpTask, "connection" | "bind">, port: number): string =>
  `http://${toHost(task)}:${port}`;

/** The password of a URL, as it is written in it and as it is. */
function toSecrets(url: string | null): string[] {
  const { password } = url === null || !URL.canParse(url) ? { password: "" } : new URL(url);
  return password === "" ? [] : [...new Set([password, decodeURIComponent(password)])];
}

interface Images {
  readonly app: StackImage;
  /** Null: not part of the stack. */
  readonly postgres: StackImage | null;
  readonly redis: StackImage | null;
}

async function provideImages(task: UpTask): Promise<Images> {
  const names: { app: string | null; postgres: string | null; redis: string | null } = {
    app: null,
    postgres: task.databaseUrl === null ? task.postgres.image : null,
    redis: task.redis !== null && "image" in task.redis ? task.redis.image : null,
  };
  const jobs: Job[] = [
    {
      title: "image",
      async run(report) {
        names.app = await task.provideImage(report);
        return names.app;
      },
    },
    ...[names.postgres, names.redis]
      .filter((name) => name !== null)
      .map((name) => ({
        title: name,
        run: async (report: Report) => {
          await provideImage(task, name, report);
          return "is there";
        },
      })),
  ];
  throwFirst(await task.perform(jobs));
  const find = async (name: string | null): Promise<StackImage | null> => {
    const found = name === null ? null : await inspectImage(task.connection.docker, name);
    return name === null || found === null ? null : { name, id: found.Id };
  };
  const app = await find(names.app);
  if (app === null) throw new Error("the image of the project has gone");
  return { app, postgres: await find(names.postgres), redis: await find(names.redis) };
}

/** Pulls an image when it has to be. @throws ImageError */
export async function provideImage(
  {
    connection: { docker },
    findLogin,
    pull,
    stop,
  }: Pick<UpTask, "connection" | "findLogin" | "pull" | "stop">,
  name: string,
  report: Report,
): Promise<void> {
  if (pull === "never") return requireImage(docker, name);
  const provide = pull === "always" ? pullImage : ensureImage;
  await provide(docker, name, { findLogin, signal: stop, onProgress: (line) => report(line, "passing") });
}

/** @returns what was done with each container */
async function startWaves(
  task: UpTask,
  plan: StackPlan,
  { secrets }: { readonly secrets: readonly string[] },
): Promise<string[]> {
  const { docker } = task.connection;
  const seconds = task.timeoutSeconds;
  const waiting: Waiting = { stop: task.stop, deadline: AbortSignal.timeout(seconds * 1000), seconds };
  const present = await prepareStack(docker, plan, task);
  const actions: string[] = [];
  for (const wave of plan.waves) {
    task.stop.throwIfAborted();
    const starters = toStarters(
      {
        ...{ docker, present, waiting, recreates: task.recreates },
        waits: (service) => task.waits || !["api", "worker"].includes(service),
        diagnosis: { lines: task.logLines, secrets },
      },
      wave,
      ({ service, ports: [port] }) => (service === "api" && port !== undefined ? toUrl(task, port) : null),
    );
    const jobs = starters.map(({ title, start }) => ({
      title,
      run: async () => {
        const action = await start();
        actions.push(action);
        return action;
      },
    }));
    throwFirst(await task.perform(jobs));
  }
  return actions;
}

function throwFirst(errors: readonly unknown[]): void {
  if (errors.length > 0) throw joinErrors(errors);
}
