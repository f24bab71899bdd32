import { DEPENDENCIES, DEV_DEPENDENCIES } from "./dependencies.ts";
import { REVIEWED_SCRIPTS, toInstallScriptFields } from "./install-scripts.ts";
import type { PackageManager } from "./package-manager.ts";
import type { Template, TemplateFile } from "./templates.ts";

export interface ProjectOptions {
  readonly template: Template;
  /** The name in package.json; see checkName. */
  readonly name: string;
  readonly packageManager: PackageManager;
  /** The version of aegra that the project starts with. */
  readonly aegraVersion: string;
  /** Goes into .env and nowhere else. */
  readonly postgresPassword: string;
}

/** What the text of a template may refer to. */
export interface TemplateValues {
  readonly name: string;
  readonly packageManager: PackageManager;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  /** Fields of package.json about install scripts; none for some package managers. */
  readonly installScripts: Readonly<Record<string, unknown>>;
  /** Package to whether its install scripts may run. */
  readonly reviewedScripts: Readonly<Record<string, boolean>>;
  readonly postgresPassword: string;
}

/** One file of the new project. Planning it touches nothing. */
export interface PlannedFile {
  /** Relative to the project, with `/` on every platform. */
  readonly path: string;
  /** Absolute path of the template it is made of. */
  readonly source: string;
  /** null when the source is copied as it is. */
  readonly values: TemplateValues | null;
  readonly mode: number;
  /** An existing one is never replaced, whatever the caller forces. */
  readonly secret: boolean;
}

const READABLE = 0o644;
const OWNER_ONLY = 0o600;

/** Templates whose name lost its dot: npm leaves some dot files out of the packages it publishes. */
const DOT_FILES: Readonly<Record<string, string>> = {
  env: ".env",
  gitignore: ".gitignore",
  "yarnrc.yml": ".yarnrc.yml",
};

/** Files that mean something to one package manager only. */
const ONLY_WITH: Readonly<Record<string, PackageManager>> = {
  ".yarnrc.yml": "yarn",
  "pnpm-workspace.yaml": "pnpm",
};

/** The files of a new project, in the order of their paths. */
export function planProject(options: ProjectOptions): PlannedFile[] {
  const values = toValues(options);
  return options.template.files
    .flatMap((file) => planFile(file, values))
    .filter(({ path }) => (ONLY_WITH[path] ?? options.packageManager) === options.packageManager)
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function planFile({ source, path }: TemplateFile, values: TemplateValues): PlannedFile[] {
  if (!path.endsWith(".ejs")) return [{ path, source, values: null, mode: READABLE, secret: false }];

  const written = path.slice(0, -".ejs".length);
  const planned = { path: DOT_FILES[written] ?? written, source, values, mode: READABLE, secret: false };
  if (planned.path !== ".env") return [planned];
  return [
    { ...planned, mode: OWNER_ONLY, secret: true },
    { ...planned, path: ".env.example", values: { ...values, postgresPassword: "" } },
  ];
}

function toValues({
  template,
  name,
  packageManager,
  aegraVersion,
  postgresPassword,
}: ProjectOptions): TemplateValues {
  return {
    name,
    packageManager,
    dependencies: sortKeys({ ...DEPENDENCIES, ...template.dependencies, aegra: `^${aegraVersion}` }),
    devDependencies: DEV_DEPENDENCIES,
    installScripts: toInstallScriptFields(packageManager),
    reviewedScripts: REVIEWED_SCRIPTS,
    postgresPassword,
  };
}

/** npm sorts dependencies on its first install; sorted from the start there is nothing to change. */
function sortKeys(dependencies: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));
}
