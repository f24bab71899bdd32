import { readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { expect, test } from "vitest";
import { type WrittenFile, writeProject } from "../../../src/scaffold/write.ts";
import { renderedProject, tempDirectory, textOf } from "../../support/scaffold.ts";

const actionOf = (files: readonly WrittenFile[], path: string) =>
  files.find((it) => it.path === path)?.action;
const onWindows = process.platform === "win32";

test("a new project is created with all its folders", async () => {
  const directory = join(await tempDirectory(), "deep", "project");
  const files = await renderedProject();

  const written = await writeProject(directory, files, { force: false });

  expect(written.map(({ path }) => path)).toEqual(files.map(({ path }) => path));
  expect(written.every(({ action }) => action === "create")).toBe(true);
  expect(await readFile(join(directory, "src", "agent.ts"), "utf8")).toBe(textOf(files, "src/agent.ts"));
});

test.skipIf(onWindows)(".env can be read by its owner only", async () => {
  const directory = await tempDirectory();
  await writeProject(directory, await renderedProject(), { force: false });

  expect((await stat(join(directory, ".env"))).mode & 0o777).toBe(0o600);
  expect((await stat(join(directory, ".env.example"))).mode & 0o044).toBe(0o044);
});

test("what is there is kept, and only what is missing is created", async () => {
  const directory = await tempDirectory();
  await writeFile(join(directory, "README.md"), "mine");

  const written = await writeProject(directory, await renderedProject(), { force: false });

  expect(actionOf(written, "README.md")).toBe("skip");
  expect(actionOf(written, "package.json")).toBe("create");
  expect(await readFile(join(directory, "README.md"), "utf8")).toBe("mine");
});

test("force replaces what is there, but never an existing .env", async () => {
  const directory = await tempDirectory();
  await writeFile(join(directory, "README.md"), "mine");
  await writeFile(join(directory, ".env"), "POSTGRES_PASSWORD=mine\n");

  const written = await writeProject(directory, await renderedProject(), { force: true });

  expect(actionOf(written, "README.md")).toBe("overwrite");
  expect(actionOf(written, ".env")).toBe("skip");
  expect(await readFile(join(directory, "README.md"), "utf8")).toContain("# demo");
  expect(await readFile(join(directory, ".env"), "utf8")).toBe("POSTGRES_PASSWORD=mine\n");
});

test("a place that cannot be written to is named", async () => {
  const occupied = join(await tempDirectory(), "file");
  await writeFile(occupied, "");

  await expect(writeProject(occupied, await renderedProject(), { force: false })).rejects.toMatchObject({
    name: "ScaffoldError",
    message: expect.stringContaining(occupied),
  });
});
