import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { ImagePlanError } from "./errors.ts";
import { isIgnored, parseIgnoreRules } from "./ignore-rules.ts";
import type { ManagerName, PackageManager } from "./package-manager.ts";

/** What of a package.json matters to an image. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly packageManager?: string;
  readonly devEngines?: { readonly packageManager?: { readonly name?: string } };
  readonly workspaces?: readonly string[] | { readonly packages?: readonly string[] };
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** The packages that a project is made of. */
export interface PackageTree {
  /** Absolute; the folder of the lock file, and of the whole workspace when the project is part of one. */
  readonly root: string;
  /** From the root to the project's package.json, with `/`; empty when it is in the root. */
  readonly folder: string;
  /** Whether the root has other packages beside the project's. */
  readonly isWorkspace: boolean;
  /** The project's own. */
  readonly manifest: Manifest;
  /** That of the root; the same one when the project is no part of a workspace. */
  readonly rootManifest: Manifest;
  readonly manager: PackageManager;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

const LOCKFILES: readonly (readonly [ManagerName, string])[] = [
  ["pnpm", "pnpm-lock.yaml"],
  ["bun", "bun.lock"],
  ["bun", "bun.lockb"],
  ["yarn", "yarn.lock"],
  ["npm", "package-lock.json"],
  ["npm", "npm-shrinkwrap.json"],
];

/**
 * Finds the packages of a project: upwards from its folder the nearest package.json, and the workspace that it
 * belongs to.
 *
 * @param projectRoot absolute
 * @throws ImagePlanError when there is no package.json, or one is not valid
 */
export async function readPackageTree(projectRoot: string): Promise<PackageTree> {
  const packageRoot = await findPackage(projectRoot);
  const root = await findWorkspace(packageRoot);
  const isWorkspace = ((await readWorkspacePatterns(root)) ?? []).length > 0;
  const manifest = await readManifest(packageRoot);
  const rootManifest = root === packageRoot ? manifest : await readManifest(root);
  const { manager, warnings } = await findManager(root, rootManifest);
  return {
    root,
    folder: path.relative(root, packageRoot).replaceAll("\\", "/"),
    isWorkspace,
    manifest,
    rootManifest,
    manager,
    warnings,
  };
}

async function findPackage(projectRoot: string): Promise<string> {
  for (const folder of foldersUpFrom(projectRoot)) {
    if (await exists(path.join(folder, "package.json"))) return folder;
  }
  throw new ImagePlanError(`There is no package.json in ${projectRoot} or above it.`, [
    "Create one and install what the graphs need: npm init, then npm install @langchain/langgraph aegra",
  ]);
}

/** The nearest folder above whose workspace has this package; the package's own folder when none has. */
async function findWorkspace(packageRoot: string): Promise<string> {
  for (const folder of foldersUpFrom(packageRoot)) {
    const patterns = await readWorkspacePatterns(folder);
    const member = path.relative(folder, packageRoot).replaceAll("\\", "/");
    if (patterns !== null && (member === "" || isIgnored(parseIgnoreRules(patterns.join("\n")), member))) {
      return folder;
    }
    if (await exists(path.join(folder, ".git"))) break;
  }
  return packageRoot;
}

/** Null when the folder is the root of no workspace. */
async function readWorkspacePatterns(folder: string): Promise<readonly string[] | null> {
  const yaml = await readIfThere(path.join(folder, "pnpm-workspace.yaml"));
  if (yaml !== null) return readYamlList(yaml, "packages");
  if (!(await exists(path.join(folder, "package.json")))) return null;
  const { workspaces } = await readManifest(folder);
  if (workspaces === undefined) return null;
  return "packages" in workspaces ? (workspaces.packages ?? []) : (workspaces as readonly string[]);
}

/** The strings below a key at the start of a line: all that pnpm's file is read for. */
function readYamlList(yaml: string, key: string): string[] {
  const lines = yaml.split(/\r?\n/);
  const start = lines.findIndex((line) => line.startsWith(`${key}:`));
  if (start < 0) return [];
  const inline = /\[(.*)\]/.exec(lines[start] ?? "")?.[1];
  if (inline !== undefined) return inline.split(",").map(unquote).filter(Boolean);
  const items: string[] = [];
  for (const line of lines.slice(start + 1)) {
    const item = /^\s*-\s+(.+?)(?:\s+#.*)?$/.exec(line)?.[1];
    if (item !== undefined) items.push(unquote(item));
    else if (/^\S/.test(line) && !line.startsWith("#")) break;
  }
  return items;
}

const unquote = (text: string): string => text.trim().replaceAll(/^["']|["']$/g, "");

async function findManager(root: string, manifest: Manifest) {
  const found: (readonly [ManagerName, string])[] = [];
  for (const entry of LOCKFILES) if (await exists(path.join(root, entry[1]))) found.push(entry);
  const [declared, version] =
    /^(npm|pnpm|yarn|bun)@([^+]+)/.exec(manifest.packageManager ?? "")?.slice(1) ?? [];
  const asked = declared ?? manifest.devEngines?.packageManager?.name;
  const name = (asked ?? found[0]?.[0] ?? "npm") as ManagerName;
  const lockfile = found.find(([owner]) => owner === name)?.[1] ?? null;
  const isBerry =
    name === "yarn" && (version === undefined ? await hasBerryFiles(root) : !version.startsWith("1."));
  const manager: PackageManager = { name: isBerry ? "berry" : name, version: version ?? null, lockfile };
  return {
    manager,
    warnings: warnAboutLockfiles(
      name,
      lockfile,
      found.map(([, file]) => file),
    ),
  };
}

const hasBerryFiles = async (root: string): Promise<boolean> =>
  (await exists(path.join(root, ".yarnrc.yml"))) ||
  ((await readIfThere(path.join(root, "yarn.lock"))) ?? "").includes("__metadata:");

function warnAboutLockfiles(name: string, lockfile: string | null, found: readonly string[]): string[] {
  if (lockfile === null) {
    return [
      `There is no lock file of ${name}, so that each build may get other versions. Commit the one that ${name} install writes.`,
    ];
  }
  return found.length === 1
    ? []
    : [`There are several lock files (${found.join(", ")}); ${lockfile} is used. Delete the others.`];
}

/** @throws ImagePlanError when it is not JSON */
async function readManifest(folder: string): Promise<Manifest> {
  const file = path.join(folder, "package.json");
  const text = (await readIfThere(file)) ?? "{}";
  try {
    return JSON.parse(text.replace(/^\uFEFF/, "")) as Manifest;
  } catch (cause) {
    throw new ImagePlanError(`${file} is not valid JSON: ${(cause as Error).message}`, [], cause);
  }
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

/** Null when there is no such file. */
export async function readIfThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return null;
    throw error;
  }
}

function foldersUpFrom(start: string): string[] {
  const parent = path.dirname(start);
  return parent === start ? [start] : [start, ...foldersUpFrom(parent)];
}
