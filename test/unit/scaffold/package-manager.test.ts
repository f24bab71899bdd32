import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { readUserAgent } from "../../../src/config/user-agent.ts";
import {
  installDependencies,
  toPackageManager,
  toRunCommand,
} from "../../../src/scaffold/package-manager.ts";
import { tempDirectory } from "../../support/scaffold.ts";

const options = (directory: string, lines: string[] = []) => ({
  directory,
  signal: new AbortController().signal,
  onLine: (line: string) => void lines.push(line),
});

afterEach(() => vi.unstubAllEnvs());

test.each([
  ["npm/11.19.1 node/v24.21.0 linux x64 workspaces/false", "npm"],
  ["pnpm/11.28.11 npm/? node/v24.21.0 linux x64", "pnpm"],
  ["yarn/1.22.22 npm/? node/v24.21.0 linux x64", "yarn"],
  ["bun/1.3.0 npm/? node/v24.3.0 linux x64", "bun"],
  ["cnpm/9.0.0 npm/? node/v24.3.0 linux x64", "npm"],
  [null, "npm"],
])("started by %s, it uses %s", (userAgent, manager) => {
  expect(toPackageManager(userAgent)).toBe(manager);
});

test("outside a package manager there is no user agent", () => {
  vi.stubEnv("npm_config_user_agent", undefined);
  expect(readUserAgent()).toBeNull();
  vi.stubEnv("npm_config_user_agent", "pnpm/11.28.11");
  expect(readUserAgent()).toBe("pnpm/11.28.11");
});

test("only npm needs -- before the arguments of a script", () => {
  expect(toRunCommand("npm", "chat", '"hi"')).toBe('npm run chat -- "hi"');
  expect(toRunCommand("pnpm", "chat", '"hi"')).toBe('pnpm chat "hi"');
  expect(toRunCommand("npm", "dev")).toBe("npm run dev");
});

// The tests may themselves be run by a silent npm, whose settings reach those that it starts.
beforeEach(() => vi.stubEnv("npm_config_loglevel", "notice"));

test("an install runs in the project and passes on what it prints", async () => {
  const directory = await tempDirectory();
  const lines: string[] = [];
  await writeFile(join(directory, "package.json"), '{ "name": "empty", "private": true }');

  await installDependencies("npm", options(directory, lines));

  expect(await readFile(join(directory, "package-lock.json"), "utf8")).toContain('"empty"');
  expect(lines.join("\n")).toContain("up to date");
}, 20_000);

test("a failed install ends with the package manager's own words", async () => {
  const directory = await tempDirectory();
  await writeFile(join(directory, "package.json"), "{ broken");

  await expect(installDependencies("npm", options(directory))).rejects.toMatchObject({
    name: "ScaffoldError",
    message: expect.stringMatching(/npm install failed with exit code 1[\s\S]*EJSONPARSE/),
    suggestions: [expect.stringContaining(directory), expect.any(String)],
  });
}, 20_000);

test.skipIf(process.platform === "win32")("a package manager that is not there is named", async () => {
  const directory = await tempDirectory();
  vi.stubEnv("PATH", directory);

  await expect(installDependencies("bun", options(directory))).rejects.toMatchObject({
    name: "ScaffoldError",
    message: "bun was not found on this machine.",
  });
});

test("an aborted install rejects", async () => {
  const directory = await tempDirectory();
  const signal = AbortSignal.abort();

  await expect(installDependencies("npm", { ...options(directory), signal })).rejects.toMatchObject({
    name: "AbortError",
  });
});
