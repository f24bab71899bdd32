import { stat } from "node:fs/promises";
import path from "node:path";
import {
  type ContextFiles,
  type ContextOptions,
  DEFAULT_IGNORES,
  listContext,
  SECRET_IGNORES,
} from "./build-context.ts";
import { type BuildSecret, type DockerfilePlan, RUNTIME_FILE } from "./dockerfile.ts";
import { ImagePlanError } from "./errors.ts";
import { readSecretNpmrc, refuseTokens } from "./npm-settings.ts";
import { toScriptCommand } from "./package-manager.ts";
import { type Manifest, type PackageTree, readPackageTree } from "./package-tree.ts";

export interface ImageRequest {
  /** Absolute; the configuration file of the project. */
  readonly configFile: string;
  /** Graph id → absolute path of its module. */
  readonly graphs: Readonly<Record<string, string>>;
  /** Absolute; files with the environment, which stay out of the image wherever they are. */
  readonly envFiles: readonly string[];
  readonly aegraVersion: string;
  readonly baseImage: string;
  readonly installCommand: string | null;
  /** Undefined: the script `build` of package.json, if there is one; null: nothing is built. */
  readonly buildCommand: string | null | undefined;
  readonly buildArgs: readonly string[];
  /** Contents of the files that installations see, by id. */
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** Where aegra comes from when the project does not depend on it: this command's copy, or the registry. */
  readonly runtimeSource: "packed" | "registry";
  /** What references in .npmrc mean. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** What an image will be made of. Making the plan reads the project and changes nothing. */
export interface ImagePlan {
  readonly tree: PackageTree;
  readonly dockerfile: DockerfilePlan;
  readonly context: ContextFiles;
  /** Rules by which the context was chosen, besides those of .dockerignore; as one would write them there. */
  readonly ignores: readonly string[];
  readonly secrets: ReadonlyMap<string, Buffer>;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

const READER = "@langchain/langgraph-api";
const LARGE_BYTES = 50 * 1024 * 1024;

/** @throws ImagePlanError when the project cannot be made into an image, naming what has to change */
export async function planImage(request: ImageRequest): Promise<ImagePlan> {
  const projectRoot = path.dirname(request.configFile);
  const tree = await readPackageTree(projectRoot);
  const npmrc = await readSecretNpmrc(tree.root, request.environment);
  const secrets = new Map([...(npmrc === null ? [] : [["npmrc", npmrc] as const]), ...request.secrets]);
  const buildCommand = toBuildCommand(request, tree);
  const options = toContextOptions(request, tree, {
    compiles: buildCommand !== null,
    hasSecretNpmrc: npmrc !== null,
  });
  const context = await listContext(options);
  await refuseTokens(tree.root);
  checkGraphs(request, tree, { files: context.files, compiles: buildCommand !== null });
  const runtime = findRuntime(request, tree);
  return {
    tree,
    context,
    secrets,
    ignores: [...options.ignores, ...options.secrets],
    dockerfile: {
      aegraVersion: request.aegraVersion,
      baseImage: request.baseImage,
      manager: toLockedManager(tree, context.files),
      manifests: await listManifests(tree, context.files),
      folder: toRelative(tree.root, projectRoot),
      packageFolder: tree.folder,
      workspacePackage:
        tree.folder === "" ? null : { name: tree.manifest.name ?? tree.folder, folder: tree.folder },
      configFile: path.basename(request.configFile),
      runtime,
      installCommand: request.installCommand,
      buildCommand,
      buildArgs: request.buildArgs,
      readsSchemas: dependsOn(tree, READER, ["dependencies", "devDependencies"]),
      mounts: true,
      secrets: [...secrets.keys()].map(toSecret),
    },
    warnings: [
      ...tree.warnings,
      ...(runtime === null
        ? []
        : [
            `The project does not depend on aegra: the image gets ${request.aegraVersion}. Add it to package.json: ${tree.manager.name === "npm" ? "npm install" : `${tree.manager.name} add`} aegra`,
          ]),
      ...warnAboutSize(context),
      ...context.lostLinks.map(
        (file) => `${file} is a link out of the project, or to nothing, and is not in the image.`,
      ),
    ],
  };
}

const toRelative = (root: string, file: string): string => path.relative(root, file).replaceAll("\\", "/");

function toBuildCommand({ buildCommand }: ImageRequest, { manifest, manager }: PackageTree): string | null {
  if (buildCommand !== undefined) return buildCommand;
  return manifest.scripts?.["build"] === undefined ? null : toScriptCommand(manager, "build");
}

function toContextOptions(
  { envFiles }: ImageRequest,
  { root }: PackageTree,
  { compiles, hasSecretNpmrc }: { readonly compiles: boolean; readonly hasSecretNpmrc: boolean },
): ContextOptions {
  const named = envFiles.map((file) => toRelative(root, file)).filter((file) => !file.startsWith(".."));
  return {
    root,
    // What a build makes is made in the image; where nothing is built, it may be what the graphs are in.
    ignores: [...DEFAULT_IGNORES, ...(compiles ? ["**/dist"] : [])],
    secrets: [
      ...SECRET_IGNORES,
      ...named.filter((file) => !file.endsWith(".env.example")),
      "*/**/.npmrc",
      ...(hasSecretNpmrc ? [".npmrc"] : []),
    ],
  };
}

/** A lock file that is left out of the context cannot be used. */
const toLockedManager = ({ manager }: PackageTree, files: readonly string[]) =>
  manager.lockfile === null || files.includes(manager.lockfile) ? manager : { ...manager, lockfile: null };

const SETTINGS = /^(?:\.npmrc|\.yarnrc|\.yarnrc\.yml|pnpm-workspace\.yaml|\.pnpmfile\.c?m?js|bunfig\.toml)$/;
const SETTING_FOLDERS = ["patches/", ".yarn/"];

/** What an installation reads: nothing else may be among it, or each edit would install everything anew. */
async function listManifests(tree: PackageTree, files: readonly string[]): Promise<string[]> {
  const own = tree.folder === "" ? "package.json" : `${tree.folder}/package.json`;
  const lockfile = tree.manager.lockfile;
  const isManifest = (file: string) =>
    file === "package.json" ||
    file === own ||
    file === lockfile ||
    SETTINGS.test(file) ||
    (tree.isWorkspace && file.endsWith("/package.json"));
  const folders = SETTING_FOLDERS.filter((folder) => files.some((file) => file.startsWith(folder)));
  const local = await listLocalPackages(tree, files);
  const covered = [...folders, ...local];
  const single = files
    .filter(isManifest)
    .filter((file) => !covered.some((folder) => file.startsWith(folder)));
  return [...new Set([...single, ...covered])];
}

/** Packages that are named by their path. @throws ImagePlanError when one is not in the context */
async function listLocalPackages(tree: PackageTree, files: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  const manifests: (readonly [Manifest, string])[] = [
    [tree.rootManifest, ""],
    [tree.manifest, tree.folder],
  ];
  for (const [manifest, folder] of manifests) {
    const { dependencies, devDependencies, optionalDependencies } = manifest;
    for (const [name, spec] of Object.entries({
      ...devDependencies,
      ...optionalDependencies,
      ...dependencies,
    })) {
      const local = /^(?:file|link|portal):(.+)$/.exec(spec)?.[1];
      if (local === undefined) continue;
      found.push(
        await toLocalPackage({ name, spec, file: path.resolve(tree.root, folder, local) }, tree, files),
      );
    }
  }
  return [...new Set(found)];
}

async function toLocalPackage(
  { name, spec, file }: { readonly name: string; readonly spec: string; readonly file: string },
  { root }: PackageTree,
  files: readonly string[],
): Promise<string> {
  const relative = toRelative(root, file);
  const isFolder = await stat(file).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const entry = isFolder ? `${relative}/` : relative;
  if (files.some((each) => each === entry || (isFolder && each.startsWith(entry)))) return entry;
  throw new ImagePlanError(
    relative.startsWith("..")
      ? `The dependency ${name} (${spec}) is outside of ${root}, and cannot be in the image.`
      : `The dependency ${name} (${spec}) is not there, or left out by .dockerignore.`,
    ["Depend on a published version, make it a package of the workspace, or move it into the project."],
  );
}

/** @throws ImagePlanError for a graph whose file would not be in the image */
function checkGraphs(
  { graphs }: ImageRequest,
  { root }: PackageTree,
  { files, compiles }: { readonly files: readonly string[]; readonly compiles: boolean },
): void {
  for (const [id, file] of Object.entries(graphs)) {
    const relative = toRelative(root, file);
    if (relative.startsWith("..")) {
      throw new ImagePlanError(
        `The graph ${id} (${file}) is outside of ${root}, and cannot be in the image.`,
        ["Move it into the project, or make the folder above both of them a workspace."],
      );
    }
    // What is compiled in the image need not be there before.
    if (compiles || files.includes(relative)) continue;
    throw new ImagePlanError(
      `The graph ${id} would not be in the image: ${relative} is not there, or left out.`,
      [
        "See the lines of .dockerignore.",
        "If it is compiled, say how: a script named build in package.json, or --build-command.",
      ],
    );
  }
}

function findRuntime(
  { runtimeSource, aegraVersion }: ImageRequest,
  tree: PackageTree,
): DockerfilePlan["runtime"] {
  if (dependsOn(tree, "aegra", ["dependencies", "optionalDependencies"])) return null;
  if (dependsOn(tree, "aegra", ["devDependencies"])) {
    throw new ImagePlanError("aegra is a dev dependency of the project, and those are not in the image.", [
      "Move it from devDependencies to dependencies in package.json.",
    ]);
  }
  return runtimeSource === "registry"
    ? { spec: aegraVersion, file: null }
    : { spec: `file:/runtime/${RUNTIME_FILE}`, file: RUNTIME_FILE };
}

type Section = "dependencies" | "devDependencies" | "optionalDependencies";

const dependsOn = (
  { manifest, rootManifest }: PackageTree,
  name: string,
  sections: readonly Section[],
): boolean =>
  [manifest, rootManifest].some((each) => sections.some((section) => each[section]?.[name] !== undefined));

function toSecret(id: string): BuildSecret {
  const target = `/run/secrets/${id}`;
  return { id, target, variable: { npmrc: "NPM_CONFIG_USERCONFIG", ca: "NODE_EXTRA_CA_CERTS" }[id] ?? null };
}

function warnAboutSize({ bytes, largest }: ContextFiles): string[] {
  if (bytes < LARGE_BYTES) return [];
  const files = largest.map((each) => `${each.file} (${toMegabytes(each.bytes)})`);
  return [
    `The project is ${toMegabytes(bytes)} large; leave out with .dockerignore what no graph reads: ${files.join(", ")}`,
  ];
}

const toMegabytes = (bytes: number): string => `${Math.max(1, Math.round(bytes / 1e6))} MB`;
