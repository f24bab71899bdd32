import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { inject, onTestFinished } from "vitest";
import type { DockerConnection } from "../../src/docker/engine.ts";
import { type Outcome, runCli } from "./cli.ts";
import { testDatabaseUrl } from "./database.ts";
import { tempDirectory } from "./scaffold.ts";

/** What images are made from: one that is there already where tests run without a registry. */
const BASE_IMAGE = process.env["AEGRA_BASE_IMAGE"] ?? "node:24-slim";
const PULL = process.env["AEGRA_PULL"] ?? "missing";

export interface DockerProject {
  readonly directory: string;
  read(file: string): Promise<string>;
  write(file: string, content: string | object): Promise<void>;
  /** `aegra build` with JSON; the image is removed when the test ends. */
  build(...args: string[]): Promise<Outcome>;
  /** The same with more variables. */
  buildWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome>;
}

/** A project in a folder of its own, with the packed aegra beside its package.json. */
export async function dockerProject(
  docker: DockerConnection["docker"],
  files: Readonly<Record<string, string | object>> = {},
  folder = "",
): Promise<DockerProject> {
  const root = await tempDirectory();
  const directory = path.join(root, folder);
  const write = async (file: string, content: string | object) => {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), typeof content === "string" ? content : JSON.stringify(content));
  };
  for (const [file, content] of Object.entries(files)) await write(file, content);
  await mkdir(directory, { recursive: true });
  await cp(inject("packageTarball"), path.join(directory, "aegra.tgz"));
  const buildWith: DockerProject["buildWith"] = async (more, ...args) => {
    const docked = variables(/^(DOCKER_|NODE_EXTRA_CA_CERTS$)/);
    const env = { AEGRA_BASE_IMAGE: BASE_IMAGE, AEGRA_PULL: PULL, ...docked, ...more };
    const outcome = await runCli({ cwd: directory, env }, "build", "--json", ...args);
    onTestFinished(async () => {
      const { data } = JSON.parse(outcome.stdout.trim().split("\n").at(-1) ?? "{}") as {
        data?: { imageId: string };
      };
      if (data !== undefined)
        await docker
          .getImage(data.imageId)
          .remove({ force: true })
          .catch(() => undefined);
    });
    return outcome;
  };

  return {
    directory,
    write,
    read: (file) => readFile(path.join(root, file), "utf8"),
    build: (...args) => buildWith({}, ...args),
    buildWith,
  };
}
const variables = (pattern: RegExp): Record<string, string> =>
  Object.fromEntries(Object.entries(process.env).filter(([name]) => pattern.test(name))) as Record<
    string,
    string
  >;

/** What a command prints with --json; the last line, since events may come before it. */
export function resultOf({ code, stdout, stderr }: Outcome) {
  if (code !== 0) throw new Error(`it ended with ${code}:\n${stdout}\n${stderr}`);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    data: {
      imageId: string;
      tags: string[];
      digests: Record<string, string>;
      size: number;
      layers: number;
      builder: string;
      lockfile: string | null;
    };
    warnings: string[];
  };
}

/** A container of an image that serves a project on a database of its own, and the words of its processes. */
export async function runImage({ docker }: DockerConnection, image: string) {
  const port = await freePort();
  const container = await docker.createContainer({
    ...{
      _query: {},
      _body: {
        Image: image,
        Env: [`DATABASE_URL=${await testDatabaseUrl()}`, `PORT=${port}`],
        // The database of the tests listens on this machine only.
        HostConfig: { NetworkMode: "host" },
      },
    },
  } as object);
  onTestFinished(async () => void (await container.remove({ force: true, v: true }).catch(() => undefined)));
  await container.start();
  const url = `http://127.0.0.1:${port}`;
  for (;;) {
    const answer = await fetch(`${url}/ok`).catch(() => null);
    if (answer?.ok) return { container, url };
    const { State: state } = await container.inspect();
    if (!state.Running) throw new Error(`the container has ended with ${state.ExitCode}`);
    await sleep(100);
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
