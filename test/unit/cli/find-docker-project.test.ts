import { realpath, writeFile } from "node:fs/promises";
import path from "node:path";
import { expect, describe as group, test } from "vitest";
import { findDockerProject } from "../../../src/cli/find-docker-project.ts";
import { openDocker } from "../../../src/docker/engine.ts";
import { dockerEnvironment, fakeDaemon, VERSIONS } from "../../support/fake-daemon.ts";
import { tempDirectory } from "../../support/scaffold.ts";

// Windows has no sockets with a path.
const describe = group.skipIf(process.platform === "win32");

/** The name that is found for a project "My Agent" where these projects have containers: name → folder. */
async function find(projects: Readonly<Record<string, string>>, cwd: string, given?: string) {
  const containers = Object.entries(projects).map(([project, folder]) => ({
    Labels: { "com.docker.compose.project": project, "com.docker.compose.project.working_dir": folder },
  }));
  const daemon = await fakeDaemon((request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify(request.url === "/version" ? VERSIONS.docker : containers));
  });
  const { docker } = await openDocker({ environment: await dockerEnvironment({ host: daemon.url }) });
  return findDockerProject(docker, { cwd, configFile: undefined, envFiles: [] }, given);
}

describe("which project in Docker is meant", () => {
  test("is the given one, that of the folder, or the one it would get", async () => {
    const cwd = await realpath(await tempDirectory());
    const config = { name: "My Agent", graphs: { agent: "./agent.ts:graph" } };
    await writeFile(path.join(cwd, "aegra.json"), JSON.stringify(config));
    expect(await find({ other: cwd }, "/", "given")).toBe("given");
    expect(await find({}, cwd)).toBe("aegra-my-agent");
    expect(await find({ other: "/elsewhere" }, cwd)).toBe("aegra-my-agent");
    expect(await find({ composed: cwd, other: "/elsewhere" }, cwd)).toBe("composed");
    expect(await find({ composed: cwd, "aegra-my-agent": cwd }, cwd)).toBe("aegra-my-agent");
    // Of another checkout.
    expect(await find({ "aegra-my-agent": "/elsewhere" }, cwd)).toMatch(/^aegra-my-agent-[0-9a-f]{6}$/);
    await expect(find({ one: cwd, two: cwd }, cwd)).rejects.toMatchObject({
      code: "PROJECT_AMBIGUOUS",
      suggestions: ["Say which one: --project one"],
    });
  });
});
