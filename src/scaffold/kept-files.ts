import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DEPENDENCIES, DEV_DEPENDENCIES } from "./dependencies.ts";
import type { ProjectOptions } from "./plan.ts";
import type { WrittenFile } from "./write.ts";

/**
 * Looks through the files that were there before for what the new project needs of them.
 *
 * @returns one sentence for each thing the user should change; empty when all is well
 */
export async function reviewKeptFiles(
  directory: string,
  files: readonly WrittenFile[],
  options: ProjectOptions,
): Promise<string[]> {
  const kept = files.filter(({ action }) => action === "skip").map(({ path }) => path);
  const read = (path: string) => readFile(join(directory, path), "utf8");
  return [
    ...(kept.includes("package.json") ? reviewPackage(await read("package.json"), options) : []),
    ...(kept.includes(".gitignore") ? reviewIgnored(await read(".gitignore")) : []),
  ];
}

function reviewPackage(text: string, { template, packageManager, aegraVersion }: ProjectOptions): string[] {
  const needed = {
    ...DEPENDENCIES,
    ...DEV_DEPENDENCIES,
    ...template.dependencies,
    aegra: `^${aegraVersion}`,
  };
  const present = readDependencies(text);
  const missing = Object.entries(needed).filter(([name]) => !present.has(name));
  if (missing.length === 0) return [];
  const list = missing.map(([name, range]) => `${name}@${range}`).join(" ");
  return [`The package.json that was kept lacks dependencies: ${packageManager} add ${list}`];
}

function readDependencies(text: string): ReadonlySet<string> {
  try {
    const { dependencies = {}, devDependencies = {} } = JSON.parse(text) as Record<
      string,
      object | undefined
    >;
    return new Set([...Object.keys(dependencies), ...Object.keys(devDependencies)]);
  } catch {
    // The package manager says more about a broken package.json than we could.
    return new Set();
  }
}

function reviewIgnored(text: string): string[] {
  const ignored = text.split(/\r?\n/).map((line) => line.trim());
  if (ignored.some((line) => [".env", "/.env", ".env*", "*.env"].includes(line))) return [];
  return ["The .gitignore that was kept does not list .env, which holds a password."];
}
