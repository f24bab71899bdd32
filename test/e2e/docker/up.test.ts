import { execFile } from "node:child_process";
import { cp } from "node:fs/promises";
import { createServer } from "node:http";
import path from "node:path";
import { promisify } from "node:util";
import { Client } from "@langchain/langgraph-sdk";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { runInContainer } from "../../../src/docker/containers.ts";
import { reachableDocker } from "../../support/docker.ts";
import { npm } from "../../support/npm.ts";
import { tempDirectory } from "../../support/scaffold.ts";
import { fakeImage, listLeftovers, SERVES, stackProject } from "../../support/stack.ts";

const connection = await reachableDocker();
const NO_DOCKER = "Docker does not answer on this machine";
const PASSWORD = "p@ss w/rd";

const config = (name: string) => JSON.stringify({ name, graphs: { agent: "./agent.ts:graph" } });
const unique = (name: string) => `${name}-${process.pid}-${Math.random().toString(36).slice(2, 8)}`;

describe.skipIf(connection === null)(
  `aegra up${connection === null ? ` (skipped: ${NO_DOCKER})` : ""}`,
  () => {
    const { docker } = connection as NonNullable<typeof connection>;
    const fakeProject = async (files: Record<string, string> = {}) =>
      stackProject({ "aegra.json": config(unique("fake")), "agent.ts": "", ...files });

    test("builds, serves, changes nothing the second time, keeps data, and leaves nothing behind", async () => {
      const directory = await tempDirectory();
      await cp(inject("packageTarball"), path.join(directory, "aegra.tgz"));
      const agent = (word: string) => `import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";
      const word: string = ${JSON.stringify(word)};
      export const graph = new StateGraph(MessagesAnnotation)
        .addNode("say", () => ({ messages: [{ role: "assistant", content: word }] }))
        .addEdge("__start__", "say").compile();`;
      const dependencies = {
        "@langchain/core": "^1.4.0",
        "@langchain/langgraph": "^1.7.3",
        "@langchain/langgraph-checkpoint": "^1.2.2",
        aegra: "file:aegra.tgz",
      };
      const project = await stackProject(
        {
          "package.json": JSON.stringify({ name: "stack", private: true, type: "module", dependencies }),
          "aegra.json": config(unique("Up Story")),
          "agent.ts": agent("first"),
          ".env": `POSTGRES_PASSWORD=${PASSWORD}\nDATABASE_URL=postgres://elsewhere/x\n`,
        },
        directory,
      );
      const [command, ...args] = npm(
        "install",
        "--package-lock-only",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
      );
      await promisify(execFile)(command, args, { cwd: directory });

      const first = await project.run("up", "--scale", "worker=1");
      expect(first.code, first.text).toBe(0);
      expect(first.data.services.map(({ service, state }) => `${service} ${state}`)).toEqual([
        "postgres running",
        "migrate exited",
        "api running",
        "worker running",
      ]);
      const { project: name } = first.data;
      const say = async (url: string) => {
        const client = new Client({ apiUrl: url, callerOptions: { maxRetries: 0 } });
        const thread = await client.threads.create();
        const words: unknown[] = [];
        const input = { messages: [{ role: "user", content: "hello" }] };
        for await (const { event, data } of client.runs.stream(thread.thread_id, "agent", {
          input,
          streamMode: "values",
        })) {
          if (event === "values")
            words.push((data as { messages: { content: string }[] }).messages.at(-1)?.content);
        }
        return { thread: thread.thread_id, word: words.at(-1) };
      };
      const said = await say(first.data.urls.api);
      expect(said.word).toBe("first");
      const facts = JSON.stringify(
        await Promise.all(first.data.services.map(({ id }) => docker.getContainer(id).inspect())),
      );
      expect(JSON.stringify([...facts.matchAll(/"(?:Labels|Args|Cmd)":(?:\{.*?\}|\[.*?\])/g)])).not.toContain(
        "p@ss",
      );
      expect(first.text).not.toContain("p@ss");

      const second = await project.run("up", "--scale", "worker=1");
      expect(second.data).toMatchObject({ changed: false, project: name, urls: first.data.urls });
      const ids = (answer: typeof first) => answer.data.services.map(({ service, id }) => [service, id]);
      expect(ids(second)).toEqual(ids(first));

      await project.write("agent.ts", agent("second"));
      const third = await project.run("up", "--scale", "worker=1");
      expect(third.code, third.text).toBe(0);
      expect(third.data.services[0]?.id).toBe(first.data.services[0]?.id);
      expect((await say(third.data.urls.api)).word).toBe("second");

      expect((await project.run("ps", "--check")).code).toBe(0);
      expect(await project.run("restart")).toMatchObject({ code: 0 });
      expect((await project.run("down", "--volumes")).error.code).toBe("INPUT_NEEDED");
      const down = await project.run("down");
      expect(down.data.kept.volumes).toEqual([`${name}_postgres`]);
      expect(await listLeftovers(docker, name)).toEqual([`${name}_postgres`, `${name}-api:latest`]);
      expect((await project.run("ps", "--check")).code).toBe(26);

      const wrong = await project.runWith({ POSTGRES_PASSWORD: "another one" }, "up");
      expect(wrong).toMatchObject({
        code: 23,
        error: {
          code: "CONTAINER_FAILED",
          details: { containers: [{ service: "migrate", code: "DB_AUTH" }] },
        },
      });
      expect(wrong.error.hint).toContain("its data were made with another one");

      const again = await project.run("up");
      expect(again.code, again.text).toBe(0);
      const client = new Client({ apiUrl: again.data.urls.api, callerOptions: { maxRetries: 0 } });
      const state = await client.threads.getState<{ messages: { content: string }[] }>(said.thread);
      expect(state.values.messages.at(-1)?.content).toBe("first");

      expect((await project.run("down", "--volumes", "--yes")).code).toBe(0);
      expect(await listLeftovers(docker, name)).toEqual([]);
      expect((await project.run("down")).data.removed).toEqual({
        containers: [],
        networks: [],
        volumes: [],
        images: [],
      });
    });

    test.each([
      {
        what: "a module that is not in the image",
        serve: `exec node -e 'import("nope-pkg")'`,
        found: { code: "MODULE", hint: expect.stringContaining("nope-pkg is not in the image") },
        exit: 23,
      },
      {
        what: "a variable that is not set",
        serve: "echo 'Error: OPENAI_API_KEY environment variable is missing or empty' >&2; exit 1",
        found: { code: "MISSING_ENV", hint: expect.stringContaining("Set OPENAI_API_KEY in .env") },
        exit: 23,
      },
      {
        what: "an end that nobody knows more about",
        serve: "echo boom >&2; exit 9",
        args: ["--restart", "no"],
        found: { code: "EXITED", cause: "ended with code 9", log: ["boom"], hint: null },
        exit: 23,
      },
      {
        what: "crashes one after the other",
        serve: "echo boom >&2; exit 9",
        found: {
          code: "CRASH_LOOP",
          cause: expect.stringMatching(
            /^keeps crashing: it was restarted \d+ times, and last ended with code 9$/,
          ),
        },
        exit: 23,
      },
      {
        what: "a signal",
        serve: "sh -c 'kill -SEGV $$'; exit $?",
        args: ["--restart", "no"],
        found: { code: "EXITED", cause: "was ended by SIGSEGV (code 139)" },
        exit: 23,
      },
      {
        what: "too little memory",
        serve: `exec node -e 'const a = []; for (;;) a.push(Buffer.alloc(1 << 20, 1))'`,
        args: ["--restart", "no", "--memory", "64m"],
        found: {
          code: "OOM",
          cause: "was ended for want of memory (its limit is 64 MB)",
          hint: "Give it more: --memory 1g",
        },
        exit: 23,
      },
      {
        what: "checks that fail",
        serve: "sleep 60",
        changes: ["HEALTHCHECK --interval=1s --retries=2 CMD echo not today; exit 1"],
        found: { code: "UNHEALTHY", cause: expect.stringContaining('"not today"') },
        exit: 23,
      },
      {
        what: "a server that never answers",
        serve: "sleep 60",
        args: ["--timeout", "8"],
        found: { code: "NOT_READY" },
        exit: 24,
      },
      {
        what: "tables that cannot be upgraded",
        serve: "sleep 60",
        upgrade: "echo 'relation thread is in the way' >&2; exit 25",
        found: { service: "migrate", log: ["relation thread is in the way"] },
        exit: 25,
      },
      {
        what: "an image without the program",
        serve: "exit 0",
        changes: ["ENV PATH=/nowhere"],
        found: {
          service: "migrate",
          cause: expect.stringContaining("could not be started"),
          hint: expect.stringContaining("aegra build"),
        },
        exit: 23,
      },
    ])("says which container and why: $what", async ({ serve, upgrade, changes, args = [], found, exit }) => {
      const project = await fakeProject();
      const image = await fakeImage(docker, {
        serve,
        ...(upgrade === undefined ? {} : { upgrade }),
        ...(changes === undefined ? {} : { changes }),
      });
      const { code, error, text } = await project.run("up", "--image", image, ...args);
      expect(code, text).toBe(exit);
      expect(error.details.containers).toMatchObject([found]);
      // It is kept, to be looked at.
      const name = error.details.containers[0]?.["container"] as string;
      expect((await docker.getContainer(name).inspect()).Name).toBe(`/${name}`);
    });

    test("is stopped by Ctrl-C, and leaves what it has started", async () => {
      const project = await fakeProject();
      const image = await fakeImage(docker, { serve: "sleep 60" });
      const { startCli } = await import("../../support/cli.ts");
      const cli = startCli({ cwd: project.directory, env: project.env }, "up", "--image", image);
      await cli.text("migrate-1  created");
      cli.process.kill("SIGINT");
      const { code, stderr } = await cli.ended;
      expect(code).toBe(130);
      expect(stderr).toContain("What was started goes on.");
      const { data } = await project.run("ps");
      expect(data.services.map(({ service }) => service)).toContain("postgres");
    });

    test("says that the data are those of another version of Postgres", async () => {
      const project = await fakeProject();
      const image = await fakeImage(docker, { serve: SERVES });
      const { data } = await project.run("up", "--image", image);
      const replace = ["sh", "-c", 'echo 16 > "$PGDATA/PG_VERSION"'];
      expect((await runInContainer(docker, `${data.project}-postgres-1`, replace)).exitCode).toBe(0);
      await project.run("down");
      const { code, error } = await project.run("up", "--image", image);
      expect(code).toBe(23);
      expect(error.details.containers).toMatchObject([
        { service: "postgres", code: "DB_MAJOR", hint: expect.stringContaining("pgvector/pgvector:pg16") },
      ]);
    });

    test("names who has the port: a container of another project, or a program", async () => {
      const image = await fakeImage(docker, { serve: SERVES });
      const [one, other] = [await fakeProject(), await fakeProject()];
      const { data } = await one.run("up", "--image", image);
      const { port } = new URL(data.urls.api);
      const taken = await other.run("up", "--image", image, "--port", port);
      expect(taken).toMatchObject({
        code: 21,
        error: { code: "PORT_IN_USE", hint: `Stop it: aegra down --project ${data.project}` },
      });

      const server = createServer().listen(0, "127.0.0.1");
      onTestFinished(() => void server.close());
      await new Promise((resolve) => server.once("listening", resolve));
      const { port: busy } = server.address() as { port: number };
      const { error } = await other.run("up", "--image", image, "--port", String(busy));
      expect(error.message).toMatch(
        new RegExp(`^Port ${busy} is in use by .+ \\(process ${process.pid}\\)\\.$`),
      );
    });

    test("projects of one name are stacks of their own, and do not touch each other", async () => {
      const image = await fakeImage(docker, { serve: SERVES });
      const name = unique("same");
      const projects = await Promise.all(
        [0, 1, 2].map(() => stackProject({ "aegra.json": config(name), "agent.ts": "" })),
      );
      const names: string[] = [];
      for (const project of projects) {
        const { code, data, text } = await project.run("up", "--image", image);
        expect(code, text).toBe(0);
        names.push(data.project);
        expect(text.includes("with data of its own")).toBe(names.length > 1);
      }
      expect(new Set(names).size).toBe(3);
      await projects[1]?.run("down", "--volumes", "--yes");
      expect((await projects[0]?.run("ps", "--check"))?.code).toBe(0);
      expect((await projects[1]?.run("ps", "--check"))?.code).toBe(26);
      expect((await projects[2]?.run("ps", "--check"))?.code).toBe(0);
    });

    test("says so when the image is not there", async () => {
      const project = await fakeProject();
      const given = await project.run("up", "--image", "no/such-image:1", "--pull", "never");
      expect(given).toMatchObject({ code: 22, error: { code: "IMAGE_UNAVAILABLE" } });
      const built = await project.run("up", "--no-build");
      expect(built).toMatchObject({ code: 22, error: { code: "IMAGE_UNAVAILABLE" } });
    });

    test("runs commands in containers, with their exit codes and streams", async () => {
      const project = await fakeProject();
      const image = await fakeImage(docker, { serve: SERVES });
      await project.run("up", "--image", image);
      const { runCli } = await import("../../support/cli.ts");
      const options = { cwd: project.directory };
      expect(
        await runCli(options, "exec", "api", "--", "sh", "-c", "echo out; echo err >&2; exit 7"),
      ).toEqual({
        code: 7,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect(await runCli(options, "psql", "--", "-Atc", "select 40 + 2")).toMatchObject({
        code: 0,
        stdout: "42\n",
      });
      expect((await runCli(options, "exec", "worker", "--", "true")).code).toBe(2);
      expect((await runCli(options, "restart", "redis")).code).toBe(2);
    });
  },
);
