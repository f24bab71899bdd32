import { mkdir } from "node:fs/promises";
import path from "node:path";
import { expect, test } from "vitest";
import { runCli } from "../../support/cli.ts";
import { REPOSITORY, tempDirectory } from "../../support/scaffold.ts";

test("a mistyped flag ends with 2 and names the one that was meant, also as JSON", async () => {
  const cwd = await tempDirectory();
  const text = await runCli({ cwd }, "serve", "--prot", "1");
  expect(text).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("--port") });

  const json = await runCli({ cwd }, "serve", "--prot", "1", "--json");
  expect(json.code).toBe(2);
  expect(JSON.parse(json.stdout)).toEqual({
    ok: false,
    error: {
      code: "USAGE",
      message: expect.stringContaining("--prot"),
      hint: "Did you mean: --port",
      suggestions: ["Did you mean: --port", "Add --help to see the flags."],
      exitCode: 2,
    },
  });
}, 20_000);

test("a mistyped command ends with 2 and names the one that was meant, also as JSON", async () => {
  const cwd = await tempDirectory();
  const text = await runCli({ cwd }, "serv", "x");
  expect(text).toMatchObject({ code: 2, stdout: "", stderr: expect.stringContaining("aegra serve") });

  const json = await runCli({ cwd }, "db", "upgrad", "--json");
  expect(json.code).toBe(2);
  expect(JSON.parse(json.stdout).error).toMatchObject({
    code: "USAGE",
    hint: "Did you mean: aegra db upgrade",
  });
}, 20_000);

test("no project ends with 3, no such directory with 2", async () => {
  const cwd = await tempDirectory();
  expect(await runCli({ cwd }, "dev")).toMatchObject({
    code: 3,
    stderr: expect.stringContaining("aegra init"),
  });
  expect(await runCli({ cwd }, "dev", "-C", "nowhere")).toMatchObject({
    code: 2,
    stderr: expect.stringContaining(path.join(cwd, "nowhere")),
  });
}, 20_000);

test("version tells about the project that --cwd names, and about none where there is none", async () => {
  const cwd = await tempDirectory();
  const here = await runCli({ cwd, env: { AEGRA_JSON: "1" } }, "version");
  expect(JSON.parse(here.stdout).data).toMatchObject({ cli: expect.any(String), langgraph: null });

  await mkdir(path.join(cwd, "empty"));
  const there = await runCli({ cwd }, "version", "--json", "-C", REPOSITORY);
  expect(JSON.parse(there.stdout).data.langgraph).toEqual({
    version: expect.stringMatching(/^\d+\.\d+/),
    location: path.join(REPOSITORY, "node_modules", "@langchain", "langgraph"),
  });
}, 20_000);
