import { rm } from "node:fs/promises";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openContainerDatabase } from "../../../src/database/container/open-container-database.ts";
import { listContainers } from "../../../src/docker/containers.ts";
import { makeProject, query } from "../../support/dev-project.ts";
import { reachableDocker } from "../../support/docker.ts";

const image = process.env["AEGRA_POSTGRES_IMAGE"] ?? "pgvector/pgvector:pg17";
const docker = (await reachableDocker())?.docker ?? null;

test("a database in a container keeps its data in a volume, also when its password is lost", async (context) => {
  if (docker === null) return context.skip("Docker does not answer on this machine");
  const projectRoot = await makeProject();
  const open = () => openContainerDatabase({ docker, projectRoot, image, onProgress: () => undefined });

  const first = await open();
  await query(first.url, "create table kept as select 42 as answer");
  const project = /container (\S+)/.exec(first.description)?.[1] ?? "";
  onTestFinished(() => docker.getVolume(`${project}-postgres`).remove());
  expect(first.description).not.toContain(new URL(first.url).password);

  // Not closed: as after kill -9, the next start finds the container running.
  const second = await open();
  expect(second.url).toBe(first.url);
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await second[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  const labels = { "dev.aegra.project": project, "dev.aegra.service": "postgres" };
  expect(await listContainers(docker, labels)).toEqual([]);

  await rm(path.join(projectRoot, ".aegra", "postgres-container.json"));
  await using third = await open();
  expect(await query(third.url, "select answer from kept")).toEqual([{ answer: 42 }]);
});

test("an image that does not exist is reported by name", async (context) => {
  if (docker === null) return context.skip("Docker does not answer on this machine");
  const projectRoot = await makeProject();
  const options = { docker, projectRoot, image: "localhost:1/no/such-image:1", onProgress: () => undefined };
  await expect(openContainerDatabase(options)).rejects.toMatchObject({
    name: "ImageError",
    message: expect.stringContaining("localhost:1/no/such-image:1"),
  });
});
