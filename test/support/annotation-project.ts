import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { npm } from "./npm.ts";
import { REPOSITORY } from "./scaffold.ts";

const SOURCE = path.join(REPOSITORY, "test", "annotation-project");
const INSTALLED = path.join(SOURCE, "node_modules");

/** Installs what the project needs to have its types read: not a dependency of Aegra, nor of its tests. */
export async function installAnnotationProject(): Promise<string> {
  if (!existsSync(path.join(INSTALLED, "@langchain", "langgraph-api"))) {
    const [command, ...args] = npm("ci", "--no-audit", "--no-fund", "--prefer-offline", "--ignore-scripts");
    await promisify(execFile)(command, args, { cwd: SOURCE });
  }
  return SOURCE;
}

/**
 * A copy of the project with what is installed, to be changed by a test.
 * @returns its folder, and what takes away what is installed
 */
export async function annotationProject() {
  await installAnnotationProject();
  const parent = path.join(REPOSITORY, ".aegra");
  await mkdir(parent, { recursive: true });
  const cwd = await mkdtemp(path.join(parent, "test-"));
  onTestFinished(() => rm(cwd, { recursive: true, force: true, maxRetries: 5 }));
  const isSource = (file: string) => !file.startsWith(INSTALLED) && !file.includes(".aegra/cache");
  await cp(SOURCE, cwd, { recursive: true, filter: (file) => isSource(file.replaceAll("\\", "/")) });
  const link = path.join(cwd, "node_modules");
  await symlink(INSTALLED, link, "junction");
  return { cwd, uninstall: () => rm(link) };
}
