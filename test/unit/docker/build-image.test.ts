import type { RequestListener } from "node:http";
import { expect, it } from "vitest";
import type { BuildEvent } from "../../../src/docker/build-events.ts";
import { type BuildRequest, buildImage, chooseBuilder } from "../../../src/docker/build-image.ts";
import { openDocker } from "../../../src/docker/engine.ts";
import { writeBytes } from "../../../src/docker/protobuf.ts";
import { dockerEnvironment, fakeDaemon, VERSIONS } from "../../support/fake-daemon.ts";
import { writeTree } from "../../support/image-project.ts";

// Windows has no sockets with a path.
const test = it.skipIf(process.platform === "win32");

/** An engine whose answer to a build is the given lines; each is a piece of its own. */
async function engineThatBuilds(
  lines: readonly (object | string)[],
  { status = 200, version = VERSIONS.docker as object } = {},
) {
  const listener: RequestListener = (request, response) => {
    request.resume();
    if (request.url === "/version") return void response.end(JSON.stringify(version));
    request.on("end", () => {
      response.writeHead(status, { "content-type": "application/json" });
      for (const line of lines)
        response.write(typeof line === "string" ? line : `${JSON.stringify(line)}\r\n`);
      response.end();
    });
  };
  const daemon = await fakeDaemon(listener);
  // BuildKit asks on a connection of its own, which this engine never uses.
  daemon.server.on("upgrade", (_request, socket) => {
    socket.on("error", () => undefined);
    socket.on("end", () => socket.destroy()).resume();
    socket.write("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  });
  const connection = await openDocker({ environment: await dockerEnvironment({ host: daemon.url }) });
  return { ...daemon, connection };
}

async function build(
  { connection }: Awaited<ReturnType<typeof engineThatBuilds>>,
  request: Partial<BuildRequest> = {},
): Promise<{ id: string; events: BuildEvent[] }> {
  const events: BuildEvent[] = [];
  const root = await writeTree({ a: "1" });
  const id = await buildImage(connection.docker, {
    root,
    context: { files: ["a"], bytes: 1, lostLinks: [], largest: [] },
    added: { Dockerfile: Buffer.from("FROM x") },
    builder: chooseBuilder(connection),
    tags: ["one:1", "two:2"],
    labels: { "dev.aegra.image": "x" },
    buildArgs: {},
    secrets: new Map(),
    baseImage: "node:24-slim",
    findLogin: async () => null,
    platform: null,
    useCache: true,
    pull: false,
    network: null,
    signal: new AbortController().signal,
    onEvent: (event) => events.push(event),
    ...request,
  });
  return { id, events };
}

const text = (field: number, value: string) => writeBytes(field, Buffer.from(value));
const TIME = Buffer.from([8, 1]);
const vertex = (digest: string, name: string, ...more: Buffer[]) =>
  writeBytes(1, Buffer.concat([text(1, digest), text(3, name), ...more]));
const log = (digest: string, message: string) =>
  writeBytes(3, Buffer.concat([text(1, digest), text(4, message)]));
const trace = (...parts: Buffer[]) => ({
  id: "moby.buildkit.trace",
  aux: Buffer.concat(parts).toString("base64"),
});
const STARTED = writeBytes(5, TIME);
const COMPLETED = writeBytes(6, TIME);
const CACHED = Buffer.from([4 * 8, 1]);

test("BuildKit tells of its steps, what they say, and which were there already", async () => {
  const engine = await engineThatBuilds([
    trace(vertex("a", "[base 1/1] FROM x"), vertex("a", "[base 1/1] FROM x", STARTED, COMPLETED, CACHED)),
    trace(
      vertex("b", "[deps 1/1] RUN  --mount=type=cache,target=/x \\\n npm ci", STARTED),
      log("b", "half a li"),
    ),
    trace(log("b", "ne\nän"), log("b", "other")),
    trace(vertex("b", "", COMPLETED)),
    { id: "moby.image.id", aux: { ID: "sha256:abc" } },
  ]);
  const { id, events } = await build(engine);
  expect(id).toBe("sha256:abc");
  expect(events).toEqual([
    { kind: "started", step: "[base 1/1] FROM x" },
    { kind: "cached", step: "[base 1/1] FROM x" },
    { kind: "started", step: "[deps 1/1] RUN npm ci" },
    { kind: "log", step: "[deps 1/1] RUN npm ci", line: "half a line" },
    { kind: "log", step: "[deps 1/1] RUN npm ci", line: "änother" },
    { kind: "done", step: "[deps 1/1] RUN npm ci", durationMs: expect.any(Number) },
    { kind: "image", id: "sha256:abc" },
  ]);
  const url = new URL(engine.requests.at(-1)?.split(" ")[1] ?? "", "http://x");
  expect(url.pathname).toBe("/build");
  expect(url.searchParams.getAll("t")).toEqual(["one:1", "two:2"]);
  expect(url.searchParams.get("version")).toBe("2");
  expect(url.searchParams.get("session")).toMatch(/^[0-9a-f-]{36}$/);
});

test("a build that fails is an answer of 200, and an error", async () => {
  const step = "[dependencies 1/1] RUN npm ci";
  const engine = await engineThatBuilds([
    trace(vertex("a", step, STARTED), log("a", "npm error code ECONNRESET\nnpm error ENOTFOUND registry\n")),
    trace(vertex("a", step, STARTED, COMPLETED, text(7, "exit code: 1"))),
    {
      error: "x",
      errorDetail: { message: 'process "/bin/sh -c npm ci" did not complete successfully: exit code: 1' },
    },
  ]);
  await expect(build(engine)).rejects.toMatchObject({
    name: "BuildError",
    message: `The image could not be built: exit code 1 from ${step}\n  | npm error code ECONNRESET\n  | npm error ENOTFOUND registry`,
    step,
    suggestions: [expect.stringContaining("cannot reach the network")],
  });
});

test("Podman has no sessions, and answers like the first builder", async () => {
  const engine = await engineThatBuilds(
    [
      { stream: "Step 1/2 : FROM x\n" },
      { stream: " ---> 123\nStep 2/2 : RUN --mount=type=cache,target=/x npm ci\n" },
      { stream: " ---> Running in 456\n\u001b[91mnpm warn\u001b[0m some" },
      { stream: "thing\n" },
      { stream: "Removing intermediate container 456\n" },
      "a line of a proxy\n",
      { aux: { ID: "sha256:def" } },
      { stream: "Successfully built def\nSuccessfully tagged one:1\n" },
    ],
    { version: VERSIONS.podman },
  );
  const { id, events } = await build(engine);
  expect(id).toBe("sha256:def");
  expect(events.map((event) => ("line" in event ? event.line : event.kind))).toEqual([
    "started",
    "done",
    "started",
    "npm warn something",
    "image",
    "done",
  ]);
  expect(engine.requests.join()).not.toContain("session");
});

test("the step at which the first builder stops is the one that failed", async () => {
  const engine = await engineThatBuilds(
    [
      { stream: "Step 1/1 : RUN false\n" },
      { stream: "no\n" },
      {
        error: "x",
        errorDetail: { code: 9, message: "The command '/bin/sh -c false' returned a non-zero code: 9" },
      },
    ],
    { version: VERSIONS.podman },
  );
  await expect(build(engine)).rejects.toMatchObject({
    message: "The image could not be built: exit code 9 from RUN false\n  | no",
  });
});

test("a Dockerfile that is refused, and an answer without an image, are errors too", async () => {
  const refused = await engineThatBuilds([{ message: "dockerfile parse error line 1" }], { status: 400 });
  await expect(build(refused)).rejects.toMatchObject({
    name: "BuildError",
    message: "The image could not be built: dockerfile parse error line 1",
  });
  await expect(build(await engineThatBuilds([]))).rejects.toThrow("without an image");
});
