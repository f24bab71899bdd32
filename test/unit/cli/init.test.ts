import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { parse } from "dotenv";
import { expect, test } from "vitest";
import { REPOSITORY, tempDirectory } from "../../support/scaffold.ts";

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `aegra init` from the sources, without a terminal, in a directory of its own. */
async function init(cwd: string, ...args: string[]): Promise<Outcome> {
  const env = { ...process.env, npm_config_user_agent: "pnpm/11.28.11 npm/? node/v24.21.0 linux x64" };
  const command = [join(REPOSITORY, "bin", "dev.js"), "init", ...args];
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, command, { cwd, env })) };
  } catch (error) {
    return error as Outcome;
  }
}

test("--json prints the frozen result, and a second project has another password", async () => {
  const cwd = await tempDirectory();
  const { code, stdout } = await init(cwd, "My Robot", "-t", "react-agent", "--no-install", "--json");
  await init(cwd, "other", "--yes", "--no-install");

  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toEqual({
    ok: true,
    command: "init",
    data: {
      path: join(cwd, "My Robot"),
      template: "react-agent",
      files: expect.arrayContaining([{ path: "src/agent.ts", action: "create" }]),
      next: ['cd "My Robot"', "pnpm install", "pnpm dev", 'pnpm chat "hello"'],
    },
    warnings: [],
  });
  const password = async (project: string) =>
    parse(await readFile(join(cwd, project, ".env")))["POSTGRES_PASSWORD"];
  expect(await password("My Robot")).toMatch(/^[\w-]{32}$/);
  expect(await password("other")).not.toBe(await password("My Robot"));
}, 20_000);

test("the result goes to stdout, everything else to stderr", async () => {
  const cwd = await tempDirectory();
  await writeFile(join(cwd, "README.md"), "mine");
  const { stdout, stderr } = await init(cwd, ".", "-t", "chatbot", "-n", "robot", "--no-install");

  expect(stdout).toMatch(/^Created robot in .*\n {2}pnpm install\n {2}pnpm dev\n {2}pnpm chat "hello"\n$/);
  expect(stderr).toContain("Kept what was there: README.md.");
  expect(await readFile(join(cwd, "README.md"), "utf8")).toBe("mine");
}, 20_000);

test("what is missing ends with 4 when nobody can be asked", async () => {
  const cwd = await tempDirectory();
  const { code, stderr } = await init(cwd, "robot");

  expect(code).toBe(4);
  expect(stderr).toContain("--template");
}, 20_000);

test("--list-templates names them all", async () => {
  const { code, stdout } = await init(await tempDirectory(), "--list-templates");

  expect(code).toBe(0);
  expect(stdout).toMatch(/^chatbot {2,}\S.*\nreact-agent {2,}\S.*\n$/);
}, 20_000);
