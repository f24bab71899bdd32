import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { ConfigError } from "../../../src/config/errors.ts";
import { loadConfig } from "../../../src/config/load.ts";
import { loadEnvFiles } from "../../../src/config/load-env.ts";
import { makeProject } from "./make-project.ts";

const graphs = { agent: "./agent.ts" };

async function project(files: Readonly<Record<string, string>>, env?: unknown) {
  const root = await makeProject({
    ...files,
    "aegra.json": { graphs, ...(env === undefined ? {} : { env }) },
  });
  return { root, config: await loadConfig({ cwd: root, configFile: "aegra.json" }) };
}

test("later files win over earlier ones, extra files over both, the environment over all", async () => {
  const { root, config } = await project(
    {
      "a.env": "FROM_A=a\nFROM_B=a\nFROM_C=a\nFROM_SHELL=a",
      "b.env": "FROM_B=b\nFROM_C=b\nFROM_SHELL=b",
      "c.env": "FROM_C=c\nFROM_SHELL=c",
    },
    ["a.env", "b.env"],
  );
  const target = { FROM_SHELL: "" };

  expect(loadEnvFiles(config, [join(root, "c.env")], target)).toEqual([]);
  expect(target).toEqual({ FROM_A: "a", FROM_B: "b", FROM_C: "c", FROM_SHELL: "" });
});

test("values written in the configuration are the weakest", async () => {
  const { root, config } = await project({ "c.env": "BOTH=file" }, { BOTH: "written", ONE: 1 });
  const target = {};

  loadEnvFiles(config, [join(root, "c.env")], target);

  expect(target).toEqual({ BOTH: "file", ONE: "1" });
});

test("loading again changes nothing", async () => {
  const { root, config } = await project({ "a.env": "X=a", "c.env": "X=c" }, "a.env");
  const target = {};

  loadEnvFiles(config, [join(root, "c.env")], target);
  loadEnvFiles(config, [], target);

  expect(target).toEqual({ X: "c" });
});

test("it is this process that gets them unless told otherwise", async () => {
  const { config } = await project({ "a.env": "AEGRA_TEST_ONLY=yes" }, "a.env");
  vi.stubEnv("AEGRA_TEST_ONLY", undefined);

  try {
    loadEnvFiles(config, []);
    expect(process.env["AEGRA_TEST_ONLY"]).toBe("yes");
  } finally {
    vi.unstubAllEnvs();
  }
});

test("without an env key the .env beside the file is loaded", async () => {
  const { config } = await project({ ".env": 'A="two\\nlines" # comment\nexport B=2' });
  const target = {};

  expect(loadEnvFiles(config, [], target)).toEqual([]);
  expect(target).toEqual({ A: "two\nlines", B: "2" });
});

test("without an env key nothing has to be there, nor be a file", async () => {
  const { config } = await project({ ".env/bin/activate": "" });
  const { config: bare } = await project({});

  expect(loadEnvFiles(config, [], {})).toEqual([]);
  expect(loadEnvFiles(bare, [], {})).toEqual([]);
});

test("an empty env key keeps the .env out", async () => {
  const { config } = await project({ ".env": "A=1" }, {});
  const target = {};

  loadEnvFiles(config, [], target);

  expect(target).toEqual({});
});

test("a missing file that the configuration names is a warning, and the others are loaded", async () => {
  const { root, config } = await project({ "b.env": "B=1" }, ["a.env", "b.env"]);
  const target = {};

  expect(loadEnvFiles(config, [], target)).toEqual([
    `There is no environment file ${join(root, "a.env")} (named by "env" in ${config.file}).`,
  ]);
  expect(target).toEqual({ B: "1" });
});

test("a missing extra file is an error, and nothing is loaded", async () => {
  const { root, config } = await project({ ".env": "A=1" });
  const target = {};

  expect(() => loadEnvFiles(config, [join(root, "no.env")], target)).toThrow(
    new ConfigError(`There is no environment file ${join(root, "no.env")} (named by --env-file).`),
  );
  expect(target).toEqual({});
});
