import {
  type InstallOptions,
  type PackageManager,
  quote,
  toCacheFolder,
  toInstallCommand,
  toSetupCommand,
  toTraces,
} from "./package-manager.ts";

/** Everything that the text of a Dockerfile depends on. */
export interface DockerfilePlan {
  readonly aegraVersion: string;
  readonly baseImage: string;
  readonly manager: PackageManager;
  /** What an installation needs, relative to the root: files, and folders that end in `/`. */
  readonly manifests: readonly string[];
  /** From the root to the folder of the configuration; empty when it is the root. */
  readonly folder: string;
  /** From the root to the project's package.json. */
  readonly packageFolder: string;
  readonly workspacePackage: InstallOptions["workspacePackage"];
  /** Name of the configuration file. */
  readonly configFile: string;
  /** What to install aegra from where the project does not depend on it; null where it does. */
  readonly runtime: { readonly spec: string; readonly file: string | null } | null;
  /** Replaces what installs the dependencies; null for the package manager's own command. */
  readonly installCommand: string | null;
  /** Run with all dependencies before the image is put together; null when there is nothing to build. */
  readonly buildCommand: string | null;
  /** Arguments that both commands may read. */
  readonly buildArgs: readonly string[];
  /** Whether the project has what reads the types of its graphs. */
  readonly readsSchemas: boolean;
  /** Whether the builder knows mounts; the classic one does not. */
  readonly mounts: boolean;
  readonly secrets: readonly BuildSecret[];
}

/** A file that only installations see, and that is in no layer. */
export interface BuildSecret {
  readonly id: string;
  /** Where it appears. */
  readonly target: string;
  /** Set to where it appears; null when nothing has to be set. */
  readonly variable: string | null;
}

export const PORT = 2026;

/** Where the packed runtime is in the context. */
export const RUNTIME_FILE = "aegra-runtime.tgz";

/** Gives everything below the same time, so that the same content makes the same layer. */
const settle = (folder: string): string => `find ${folder} -print0 | xargs -0 touch -hcd @0`;

/** An instruction without what every one ends with; for people. */
export const withoutSettling = (instruction: string): string =>
  instruction.replace(/ && find \S+ -print0 \| xargs .*$/, "");

const HEALTH = `const{env}=process;fetch("http://127.0.0.1:"+(env.AEGRA_PORT||env.PORT)+"/ok",{signal:AbortSignal.timeout(2500)}).then(r=>process.exit(r.ok?0:1),e=>{console.error(e.cause?.code??e.message);process.exit(1)})`;

/**
 * The Dockerfile of a project. Its context is the root of the project.
 *
 * It has no `# syntax` line, which would be fetched from a registry, no heredocs and no linked copies, which old
 * engines refuse. Everything is put together below /out, where it gets its times, and copied from there.
 */
export function toDockerfile(plan: DockerfilePlan): string {
  const stages = [
    toBase(plan),
    toInit(),
    toManifests(plan),
    toDependencies(plan),
    ...(plan.buildCommand === null && !plan.readsSchemas ? [] : [toDevelopment(plan)]),
    ...(plan.buildCommand === null ? [] : [toCompiled(plan.buildCommand, plan)]),
    ...(plan.readsSchemas ? [toSchemas(plan)] : []),
    toSources(plan),
    toRuntime(plan),
  ];
  return `# Written by aegra ${plan.aegraVersion}: \`aegra dockerfile\` writes it again.\n${stages.join("\n\n")}\n`;
}

const appFolder = (folder: string, root = "/app"): string => (folder === "" ? root : `${root}/${folder}`);

/** The project's own programs first, then those of its workspace. */
const toPath = ({ packageFolder }: DockerfilePlan, root: string): string =>
  [...new Set([appFolder(packageFolder, root), root])]
    .map((folder) => `${folder}/node_modules/.bin`)
    .join(":");

function toBase(plan: DockerfilePlan): string {
  return [
    `ARG BASE_IMAGE=${plan.baseImage}`,
    "",
    "FROM $BASE_IMAGE AS base",
    // That of the base image may have no rights.
    "USER root",
    `ENV CI=true NODE_ENV=production NPM_CONFIG_UPDATE_NOTIFIER=false PATH="${toPath(plan, "/out/app")}:$PATH"`,
    "WORKDIR /out/app",
  ].join("\n");
}

function toInit(): string {
  return [
    "# Reaps the processes that those of the graphs leave behind, and passes signals on.",
    "FROM base AS init",
    "RUN command -v tini > /dev/null \\",
    "    || (command -v apk > /dev/null && apk add --no-cache tini) \\",
    "    || (apt-get update && apt-get install -y --no-install-recommends tini)",
    `RUN mkdir -p /out/usr/local/bin && cp "$(command -v tini)" /out/usr/local/bin/tini && ${settle("/out")}`,
  ].join("\n");
}

function toManifests(plan: DockerfilePlan): string {
  const { manager, manifests, runtime } = plan;
  const setup = toSetupCommand(manager);
  return [
    "FROM base AS manifests",
    ...(setup === null ? [] : [`RUN ${toMounts(plan, [])}${toExports(plan)}${setup}`]),
    ...copyEach(manifests),
    ...(runtime?.file ? [copy([runtime.file], "/runtime/")] : []),
  ].join("\n");
}

/** One instruction a folder, since COPY forgets the folders of what it copies. */
function copyEach(manifests: readonly string[]): string[] {
  const folders = new Map<string, string[]>();
  for (const file of manifests) {
    const folder = file.endsWith("/") ? file : file.slice(0, file.lastIndexOf("/") + 1);
    folders.set(folder, [...(folders.get(folder) ?? []), file]);
  }
  return [...folders].map(([folder, files]) => copy(files, `./${folder}`));
}

const copy = (files: readonly string[], target: string): string =>
  [...files, target].some((file) => /[\s"\\]/.test(file))
    ? `COPY ${JSON.stringify([...files, target])}`
    : `COPY ${[...files, target].join(" ")}`;

function toDependencies(plan: DockerfilePlan): string {
  const traces = toTraces(plan.manager);
  const forget = traces.length === 0 ? "" : ` && rm -f ${traces.join(" ")}`;
  return [
    "FROM manifests AS dependencies",
    ...plan.buildArgs.map((name) => `ARG ${name}`),
    `RUN ${toMounts(plan, [toCache(plan.manager, toCacheFolder(plan.manager))])}${toInstall(plan, true)}${forget} && ${settle("/out")}`,
  ].join("\n");
}

function toDevelopment(plan: DockerfilePlan): string {
  return [
    "FROM manifests AS development",
    ...plan.buildArgs.map((name) => `ARG ${name}`),
    "ENV NODE_ENV=development",
    `RUN ${toMounts(plan, [toCache(plan.manager, toCacheFolder(plan.manager))])}${toInstall(plan, false)}`,
    "COPY . ./",
  ].join("\n");
}

function toInstall(plan: DockerfilePlan, production: boolean): string {
  const { manager, workspacePackage, runtime, installCommand, packageFolder } = plan;
  const add =
    runtime === null
      ? ""
      : `${inFolder(packageFolder, `npm pkg set ${quote(`dependencies.aegra=${runtime.spec}`)}`)} && `;
  const command =
    installCommand ?? toInstallCommand(manager, { production, frozen: runtime === null, workspacePackage });
  return `${toExports(plan)}${add}${command}`;
}

const inFolder = (folder: string, command: string): string =>
  folder === "" ? command : `(cd ${quote(folder)} && ${command})`;

/** Where the files are that only installations see. */
const toExports = ({ secrets }: DockerfilePlan): string =>
  secrets
    .flatMap(({ variable, target }) => (variable === null ? [] : [`export ${variable}=${target} && `]))
    .join("");

const toCache = ({ name }: PackageManager, folder: string): string =>
  `--mount=type=cache,id=aegra-${name},target=${folder},sharing=locked`;

function toMounts({ mounts, secrets }: DockerfilePlan, caches: readonly string[]): string {
  const files = secrets.map(({ id, target }) => `--mount=type=secret,id=${id},target=${target}`);
  const all = [...caches, ...files];
  return !mounts || all.length === 0 ? "" : `${all.join(" ")} \\\n    `;
}

function toCompiled(buildCommand: string, { packageFolder }: DockerfilePlan): string {
  return ["FROM development AS compiled", `RUN ${inFolder(packageFolder, buildCommand)}`].join("\n");
}

/** Readers of types are large and stay out of the image; what they have read is a file of some kilobytes. */
function toSchemas({ buildCommand, folder, configFile }: DockerfilePlan): string {
  const target = `${appFolder(folder, "/schemas/app")}/.aegra/cache`;
  const file = `${appFolder(folder, "/out/app")}/.aegra/cache/schemas.json`;
  return [
    `FROM ${buildCommand === null ? "development" : "compiled"} AS schemas`,
    `RUN mkdir -p ${quote(target)} \\`,
    `    && (aegra schemas -c ${quote(`${appFolder(folder, "/out/app")}/${configFile}`)} || echo "${WARNING_PREFIX}the types of the graphs could not be read; their schemas have names only") \\`,
    `    && (test ! -f ${quote(file)} || cp ${quote(file)} ${quote(target)}) \\`,
    `    && ${settle("/schemas")}`,
  ].join("\n");
}

/** A line with it in the output of a step is a warning of the build. */
export const WARNING_PREFIX = "aegra: warning: ";

function toSources({ buildCommand }: DockerfilePlan): string {
  const drop = `rm -f Dockerfile ${RUNTIME_FILE}`;
  return (
    buildCommand === null
      ? ["FROM base AS sources", "COPY . ./", `RUN ${drop} && ${settle("/out")}`]
      : [
          "FROM compiled AS sources",
          `RUN ${drop} && find . -name node_modules -prune -exec rm -rf {} + && ${settle("/out")}`,
        ]
  ).join("\n");
}

function toRuntime(plan: DockerfilePlan): string {
  const folder = appFolder(plan.folder);
  return [
    "FROM $BASE_IMAGE AS runtime",
    `ENV NODE_ENV=production PORT=${PORT} AEGRA_CONFIG="${folder}/${plan.configFile}" PATH="${toPath(plan, "/app")}:$PATH"`,
    "COPY --from=init /out/ /",
    "COPY --from=dependencies /out/ /",
    "COPY --from=sources /out/ /",
    ...(plan.readsSchemas ? ["COPY --from=schemas /schemas/ /"] : []),
    `WORKDIR ${folder}`,
    "USER 1000:1000",
    `EXPOSE ${PORT}`,
    "STOPSIGNAL SIGTERM",
    `HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 CMD ${JSON.stringify(["node", "-e", HEALTH])}`,
    'ENTRYPOINT ["tini", "--"]',
    'CMD ["aegra", "serve"]',
  ].join("\n");
}
