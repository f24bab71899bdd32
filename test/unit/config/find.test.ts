import { join, parse } from "node:path";
import { expect, test } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { findConfigFile } from "../../../src/config/find.ts";
import { makeProject } from "./make-project.ts";

test("aegra.json is preferred to langgraph.json in the same folder", async () => {
  const root = await makeProject({ "aegra.json": {}, "langgraph.json": {} });

  expect(await findConfigFile({ cwd: root, environmentFile: null })).toBe(join(root, "aegra.json"));
});

test("a langgraph.json nearby is preferred to an aegra.json further up", async () => {
  const root = await makeProject({ "aegra.json": {}, "app/langgraph.json": {}, "app/src/deep/x.ts": "" });

  const found = await findConfigFile({ cwd: join(root, "app", "src", "deep"), environmentFile: null });

  expect(found).toBe(join(root, "app", "langgraph.json"));
});

test("a folder called aegra.json is passed over", async () => {
  const root = await makeProject({ "langgraph.json": {}, "aegra.json/x.ts": "" });

  expect(await findConfigFile({ cwd: root, environmentFile: null })).toBe(join(root, "langgraph.json"));
});

test("a named file wins over AEGRA_CONFIG, which wins over the search", async () => {
  const root = await makeProject({ "aegra.json": {}, "one.json": {}, "two/three.json": {} });
  const environmentFile = join("two", "three.json");

  expect(await findConfigFile({ cwd: root, configFile: "one.json", environmentFile })).toBe(
    join(root, "one.json"),
  );
  expect(await findConfigFile({ cwd: root, environmentFile })).toBe(join(root, "two", "three.json"));
});

test("a named file that is missing is an error even when the search would find one", async () => {
  const root = await makeProject({ "aegra.json": {} });

  await expect(
    findConfigFile({ cwd: root, configFile: "other.json", environmentFile: null }),
  ).rejects.toThrow(`There is no configuration file ${join(root, "other.json")} (named by -c).`);
  await expect(findConfigFile({ cwd: root, environmentFile: "gone.json" })).rejects.toThrow(
    `There is no configuration file ${join(root, "gone.json")} (named by AEGRA_CONFIG).`,
  );
});

test("a named folder is refused as one", async () => {
  const root = await makeProject({ "app/aegra.json": {} });

  await expect(findConfigFile({ cwd: root, configFile: "app", environmentFile: null })).rejects.toThrow(
    `${join(root, "app")} (named by -c) is a folder`,
  );
});

test("without any file the error names both ends of the search and the ways out", async () => {
  const root = await makeProject({});

  const error = await findConfigFile({ cwd: root, environmentFile: null }).catch((thrown: unknown) => thrown);

  expect(error).toBeInstanceOf(ConfigError);
  expect(error).toMatchObject({
    message: `There is no aegra.json or langgraph.json in ${root} or in any folder above it, up to ${parse(root).root}.`,
    suggestions: [expect.stringContaining("aegra init"), expect.stringContaining("-c")],
  });
});
