import { chmod, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openDocker } from "../../../src/docker/engine.ts";
import { pushImage } from "../../../src/docker/push-image.ts";
import { readRegistryLogin, toRegistry } from "../../../src/docker/registry-login.ts";
import { dockerEnvironment, fakeDaemon, VERSIONS } from "../../support/fake-daemon.ts";
import { tempDirectory } from "../../support/scaffold.ts";

const base64 = (text: string) => Buffer.from(text).toString("base64");

async function configOf(config: object): Promise<string> {
  const folder = await tempDirectory();
  await writeFile(path.join(folder, "config.json"), JSON.stringify(config));
  return folder;
}

test.each([
  ["node:24-slim", "docker.io"],
  ["library/node", "docker.io"],
  ["ghcr.io/ada/agent:1", "ghcr.io"],
  ["localhost/agent", "localhost"],
  ["127.0.0.1:5000/agent:1", "127.0.0.1:5000"],
])("the registry of %s is %s", (image, registry) => {
  expect(toRegistry(image)).toBe(registry);
});

test("a login is read as docker login has written it", async () => {
  const folder = await configOf({
    auths: {
      "https://index.docker.io/v1/": { auth: base64("ada:hub:secret") },
      "ghcr.io": { auth: base64("bob:secret"), identitytoken: "token" },
      "quay.io": {},
    },
  });
  const hub = { username: "ada", password: "hub:secret", identityToken: null };
  for (const name of ["docker.io", "registry-1.docker.io", "index.docker.io"]) {
    expect(await readRegistryLogin(folder, name)).toEqual(hub);
  }
  expect(await readRegistryLogin(folder, "ghcr.io")).toMatchObject({ identityToken: "token" });
  expect(await readRegistryLogin(folder, "quay.io")).toBeNull();
  expect(await readRegistryLogin(await tempDirectory(), "ghcr.io")).toBeNull();
});

test.skipIf(process.platform === "win32")(
  "a program that keeps passwords is asked, on its stdin",
  async () => {
    const folder = await configOf({ credsStore: "store", credHelpers: { "ghcr.io": "cloud" } });
    const programs = await tempDirectory();
    const program = async (name: string, script: string) => {
      const file = path.join(programs, `docker-credential-${name}`);
      await writeFile(file, `#!/bin/sh\nread registry\n${script}\n`);
      await chmod(file, 0o755);
    };
    await program("cloud", `echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"for $registry $1\\"}"`);
    await program("store", `test "$registry" = quay.io && echo '{"Username":"ada","Secret":"secret"}'`);
    const before = process.env["PATH"];
    process.env["PATH"] = `${programs}:${before}`;
    onTestFinished(() => {
      process.env["PATH"] = before;
    });

    expect(await readRegistryLogin(folder, "ghcr.io")).toMatchObject({ identityToken: "for ghcr.io get" });
    expect(await readRegistryLogin(folder, "quay.io")).toMatchObject({ username: "ada", password: "secret" });
    expect(await readRegistryLogin(folder, "other.io")).toBeNull();
    const missing = await configOf({ credsStore: "gone" });
    await expect(readRegistryLogin(missing, "ghcr.io")).rejects.toThrow(
      "docker-credential-gone is not there",
    );
  },
);

test.skipIf(process.platform === "win32")(
  "a push goes to the tag, with the login in a header, and fails in its answer",
  async () => {
    const headers: unknown[] = [];
    let lines: object[] = [{ status: "Pushed" }, { aux: { Tag: "1", Digest: "sha256:abc", Size: 7 } }];
    const daemon = await fakeDaemon((request, response) => {
      if (request.url === "/version") return void response.end(JSON.stringify(VERSIONS.docker));
      headers.push(request.headers["x-registry-auth"]);
      for (const line of lines) response.write(`${JSON.stringify(line)}\r\n`);
      response.end();
    });
    const { docker } = await openDocker({ environment: await dockerEnvironment({ host: daemon.url }) });
    const signal = new AbortController().signal;
    const login = { username: "ada", password: "s3cret", identityToken: null };
    expect(await pushImage(docker, "127.0.0.1:5000/agent:1", { login, signal })).toBe("sha256:abc");
    expect(daemon.requests.at(-1)).toBe("POST /images/127.0.0.1:5000/agent/push?tag=1");
    expect(JSON.parse(Buffer.from(String(headers[0]), "base64").toString())).toEqual({
      username: "ada",
      password: "s3cret",
    });

    lines = [{ status: "Preparing" }, { error: "denied: no rights", errorDetail: { message: "denied" } }];
    await expect(pushImage(docker, "ghcr.io/ada/agent", { login: null, signal })).rejects.toMatchObject({
      name: "BuildError",
      message: "ghcr.io/ada/agent could not be pushed: denied: no rights",
    });
    expect(daemon.requests.at(-1)).toBe("POST /images/ghcr.io/ada/agent/push?tag=latest");
  },
);
