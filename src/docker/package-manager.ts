/** A package manager that can install a project in an image; the two generations of Yarn share only their name. */
export type ManagerName = "npm" | "pnpm" | "yarn" | "berry" | "bun";

export interface PackageManager {
  readonly name: ManagerName;
  /** As package.json asks for it, such as `10.4.1`; null when it does not. */
  readonly version: string | null;
  /** Name of the lock file; null when there is none. */
  readonly lockfile: string | null;
}

export interface InstallOptions {
  readonly production: boolean;
  /** Whether the lock file has to say everything; not when something is added to the project. */
  readonly frozen: boolean;
  /** The package of a workspace that is needed; null for a project of one package. */
  readonly workspacePackage: { readonly name: string; readonly folder: string } | null;
}

/** What a package manager needs in a Dockerfile. */
interface Recipe {
  /** Gets the manager into an image that has npm; null when it is there. */
  readonly setup: (version: string | null) => string | null;
  readonly install: (options: InstallOptions & { readonly hasLockfile: boolean }) => string;
  /** Where it keeps what it has downloaded. */
  readonly cache: string;
  /** Files of an installation that tell when it was made; they would make each image differ from the last. */
  readonly traces: readonly string[];
}

/** What is taken where package.json does not say; the newest that their lock files were tried with. */
const DEFAULT_VERSIONS = { pnpm: "11", berry: "4", bun: "1" };

const words = (...parts: (string | false)[]): string => parts.filter((part) => part !== false).join(" ");

const global = (spec: string, flags = ""): string =>
  words(`npm install --global --no-audit --no-fund${flags}`, spec);

const RECIPES: Readonly<Record<ManagerName, Recipe>> = {
  npm: {
    setup: (version) => (version === null ? null : global(`npm@${version}`)),
    install: ({ production, frozen, hasLockfile, workspacePackage }) =>
      words(
        frozen && hasLockfile ? "npm ci" : "npm install",
        production && "--omit=dev",
        production && workspacePackage !== null && `--workspace=${quote(workspacePackage.folder)}`,
        production && workspacePackage !== null && "--include-workspace-root",
        "--no-audit --no-fund",
      ),
    cache: "/root/.npm",
    traces: [],
  },
  pnpm: {
    setup: (version) => global(`pnpm@${version ?? DEFAULT_VERSIONS.pnpm}`),
    install: ({ production, frozen, hasLockfile, workspacePackage }) =>
      words(
        "pnpm install",
        frozen && hasLockfile ? "--frozen-lockfile" : "--no-frozen-lockfile",
        production && "--prod",
        // The package and those of the workspace that it needs.
        workspacePackage !== null && `--filter ${quote(`${workspacePackage.name}...`)}`,
      ),
    cache: "/root/.local/share/pnpm/store",
    traces: ["node_modules/.modules.yaml", "node_modules/.pnpm-workspace-state*.json"],
  },
  yarn: {
    setup: (version) => global(`yarn@${version ?? "1"}`, " --force"),
    install: ({ production, frozen, hasLockfile }) =>
      words(
        "yarn install --non-interactive",
        frozen && hasLockfile && "--frozen-lockfile",
        production ? "--production" : "--production=false",
      ),
    cache: "/usr/local/share/.cache/yarn",
    traces: [],
  },
  berry: {
    setup: (version) => global(`@yarnpkg/cli-dist@${version ?? DEFAULT_VERSIONS.berry}`, " --force"),
    install: ({ production, frozen, hasLockfile }) =>
      words(
        // aegra looks for the project's packages in node_modules.
        "YARN_NODE_LINKER=node-modules",
        `YARN_ENABLE_IMMUTABLE_INSTALLS=${frozen && hasLockfile}`,
        "YARN_ENABLE_GLOBAL_CACHE=true",
        production ? "yarn workspaces focus --production" : "yarn install",
      ),
    cache: "/root/.yarn/berry",
    traces: ["node_modules/.yarn-state.yml"],
  },
  bun: {
    setup: (version) => global(`bun@${version ?? DEFAULT_VERSIONS.bun}`, " --allow-scripts=bun"),
    install: ({ production, frozen, hasLockfile }) =>
      words("bun install", frozen && hasLockfile && "--frozen-lockfile", production && "--production"),
    cache: "/root/.bun/install/cache",
    traces: [],
  },
};

/** The command that puts the manager into an image with npm; null when there is nothing to do. */
export const toSetupCommand = ({ name, version }: PackageManager): string | null =>
  RECIPES[name].setup(version);

/** The command that installs the dependencies, run in the folder of the lock file. */
export const toInstallCommand = ({ name, lockfile }: PackageManager, options: InstallOptions): string =>
  RECIPES[name].install({ ...options, hasLockfile: lockfile !== null });

export const toCacheFolder = ({ name }: PackageManager): string => RECIPES[name].cache;

/** Patterns of files to delete after an installation; see {@link Recipe.traces}. */
export const toTraces = ({ name }: PackageManager): readonly string[] => RECIPES[name].traces;

/** The command that runs a script of package.json. */
export const toScriptCommand = ({ name }: PackageManager, script: string): string =>
  `${name === "berry" ? "yarn" : name} run ${script}`;

/** Quotes a word for a shell where it needs it. */
export const quote = (word: string): string =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
