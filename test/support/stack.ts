import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import process from "node:process";
import { onTestFinished } from "vitest";
import type { DockerConnection } from "../../src/docker/engine.ts";
import type { StackContainer } from "../../src/docker/stack/list-stack.ts";
import { runCli } from "./cli.ts";
import { tempDirectory } from "./scaffold.ts";

type Engine = DockerConnection["docker"];

const BASE_IMAGE = process.env["AEGRA_BASE_IMAGE"] ?? "node:24-slim";
const IMAGES = {
  AEGRA_BASE_IMAGE: BASE_IMAGE,
  AEGRA_POSTGRES_IMAGE: process.env["AEGRA_POSTGRES_IMAGE"] ?? "pgvector/pgvector:pg17",
  AEGRA_PULL: process.env["AEGRA_PULL"] ?? "missing",
  AEGRA_PORT: "auto",
};

interface Answer {
  readonly code: number | null;
  readonly data: {
    readonly project: string;
    readonly services: readonly StackContainer[];
    readonly urls: { readonly api: string };
    readonly changed: boolean;
    readonly removed: Readonly<Record<string, readonly string[]>>;
    readonly kept: { readonly volumes: readonly string[] };
  };
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string | null;
    readonly details: { readonly containers: readonly Record<string, unknown>[] };
  };
  /** All that was printed. */
  readonly text: string;
}

export interface StackProject {
  readonly directory: string;
  /** The variables that every command here gets. */
  readonly env: Readonly<Record<string, string>>;
  write(file: string, content: string): Promise<void>;
  /** A command with --json. */
  run(...args: string[]): Promise<Answer>;
  /** The same, with more variables. */
  runWith(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Answer>;
}

/** A project in a folder of its own, whose stack is removed with all its data when the test ends. */
export async function stackProject(
  files: Readonly<Record<string, string>>,
  directory?: string,
): Promise<StackProject> {
  const root = directory ?? (await tempDirectory());
  const write = async (file: string, content: string) => {
    await mkdir(path.dirname(path.join(root, file)), { recursive: true });
    await writeFile(path.join(root, file), content);
  };
  for (const [file, content] of Object.entries(files)) await write(file, content);
  const runWith = async (env: Readonly<Record<string, string>>, ...args: string[]): Promise<Answer> => {
    const { code, stdout, stderr } = await runCli(
      { cwd: root, env: { ...IMAGES, ...dockerVariables(), ...env } },
      ...args,
      "--json",
    );
    const { data, error } = JSON.parse(stdout.trim().split("\n").at(-1) || "{}") as Pick<
      Answer,
      "data" | "error"
    >;
    return { code, data, error, text: `${stdout}\n${stderr}` };
  };
  onTestFinished(async () => void (await runWith({}, "down", "--volumes", "--yes", "--timeout", "1")));
  return {
    directory: root,
    env: { ...IMAGES, ...dockerVariables() },
    write,
    runWith,
    run: (...args) => runWith({}, ...args),
  };
}

const dockerVariables = (): Record<string, string> =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] =>
        /^(DOCKER_|NODE_EXTRA_CA_CERTS$)/.test(entry[0]) && entry[1] !== undefined,
    ),
  );

/**
 * An image whose `aegra` does what a test wants: quick to make, and quick to fail.
 *
 * @param serve a shell script in place of the server
 * @param upgrade one in place of `aegra db upgrade`
 */
export async function fakeImage(
  docker: Engine,
  {
    serve,
    upgrade = "exit 0",
    changes = [],
  }: { serve: string; upgrade?: string; changes?: readonly string[] },
): Promise<string> {
  const script = `#!/bin/sh\nif [ "$1" = db ]; then\n${upgrade}\nelse\n${serve}\nfi\n`;
  const write = ["sh", "-c", 'printf %s "$SCRIPT" > /usr/local/bin/aegra && chmod 755 /usr/local/bin/aegra'];
  const container = await docker.createContainer({
    Image: BASE_IMAGE,
    Cmd: write,
    Env: [`SCRIPT=${script}`],
    Entrypoint: [],
  });
  await container.start();
  await container.wait();
  const lines = ['CMD ["aegra","serve"]', "ENV SCRIPT=", ...changes];
  const { Id: id } = (await container.commit({ changes: lines.join("\n") })) as { Id: string };
  await container.remove();
  onTestFinished(
    async () =>
      void (await docker
        .getImage(id)
        .remove({ force: true })
        .catch(() => undefined)),
  );
  return id;
}

/** Answers like a server that is ready. */
export const SERVES = `exec node -e 'require("http").createServer((_, r) => r.end("{}")).listen(2026); process.on("SIGTERM", () => process.exit(0))'`;

/** Everything on the engine that belongs to a stack. */
export async function listLeftovers(docker: Engine, project: string): Promise<string[]> {
  const filters = { label: [`com.docker.compose.project=${project}`] };
  const [containers, networks, { Volumes: volumes }, images] = await Promise.all([
    docker.listContainers({ all: true, filters }),
    docker.listNetworks({ filters }),
    docker.listVolumes({ filters }),
    docker.listImages({ filters: { reference: [`${project}-api`] } }),
  ]);
  return [
    ...containers.flatMap(({ Names: names }) => names),
    ...networks.map(({ Name: name }) => name),
    ...(volumes ?? []).map(({ Name: name }) => name),
    ...images.flatMap(({ RepoTags: tags }) => tags ?? []),
  ];
}
