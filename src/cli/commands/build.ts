import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { resolve } from "node:path";
import { Errors, Flags } from "@oclif/core";
import { readDockerEnvironment } from "../../config/docker-environment.ts";
import { openDocker } from "../../docker/engine.ts";
import { configDirectoryOf } from "../../docker/find-endpoints.ts";
import { readRegistryLogin } from "../../docker/registry-login.ts";
import { BaseCommand, type ProjectRequest } from "../base-command.ts";
import { type Progress, withBuildProgress } from "../build-progress.ts";
import { CliError, EXIT } from "../errors.ts";
import { imageFlags, toPairs } from "../image-flags.ts";
import { planProjectImage } from "../plan-project-image.ts";
import { cancelled } from "../prompts.ts";
import { listenForStop } from "../stop-requests.ts";
import { type BuildTask, type BuiltImage, buildProjectImage } from "../tasks/build.ts";

export default class Build extends BaseCommand {
  static override readonly summary = "Build an image that serves the project.";
  static override readonly description =
    "Needs a Docker engine and no other program. The image has the production dependencies and the graphs, no .env, " +
    "and runs as a user without rights: docker run -e DATABASE_URL=… -p 2026:2026 IMAGE";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --tag registry.example.com/agent:1.4.0",
    "<%= config.bin %> <%= command.id %> --secret id=npmrc,src=~/.npmrc",
  ];
  static override readonly flags = {
    tag: Flags.string({
      char: "t",
      summary:
        "Name of the image; may be repeated. Otherwise the project's, with the commit and with latest.",
      helpValue: "NAME",
      multiple: true,
      multipleNonGreedy: true,
      env: "AEGRA_TAG",
    }),
    ...imageFlags,
    platform: Flags.string({
      summary: "Platform of the image, such as linux/arm64; otherwise that of the engine.",
      helpValue: "PLATFORM",
      env: "AEGRA_PLATFORM",
    }),
    pull: Flags.option({
      summary: "When to pull the base image: if it is missing, always, or never.",
      helpValue: "WHEN",
      options: ["missing", "always", "never"] as const,
      default: "missing" as const,
      env: "AEGRA_PULL",
    })(),
    push: Flags.boolean({
      summary: "Push the image to the registry in each --tag, as docker login has left it.",
      env: "AEGRA_PUSH",
    }),
    output: Flags.string({
      summary: "Write the image to an archive too, as docker save does.",
      helpValue: "tar:FILE",
      env: "AEGRA_OUTPUT",
    }),
    cache: Flags.boolean({
      summary: "Use what earlier builds have made.",
      allowNo: true,
      default: true,
      env: "AEGRA_CACHE",
    }),
    label: Flags.string({
      summary: "Label of the image; may be repeated.",
      helpValue: "NAME=VALUE",
      multiple: true,
      multipleNonGreedy: true,
      env: "AEGRA_LABEL",
    }),
    secret: Flags.string({
      summary:
        "File that installations see and the image has not; may be repeated. npmrc and ca are known to them.",
      helpValue: "id=ID,src=FILE",
      multiple: true,
      multipleNonGreedy: true,
      env: "AEGRA_SECRET",
    }),
    "ca-cert": Flags.string({
      summary: "Certificate authority of your network, for installations.",
      helpValue: "FILE",
      env: "AEGRA_CA_CERT",
    }),
    network: Flags.string({
      summary: "Network of the steps, such as host; otherwise the engine's own.",
      helpValue: "NETWORK",
      env: "AEGRA_NETWORK",
    }),
    builder: Flags.option({
      summary: "What builds: BuildKit, the engine's first builder, or the better one it has.",
      helpValue: "BUILDER",
      options: ["auto", "buildkit", "classic"] as const,
      default: "auto" as const,
      env: "AEGRA_BUILDER",
    })(),
    progress: Flags.option({
      summary: "How to tell what is going on: by the terminal, in lines, or as JSON on stdout.",
      helpValue: "FORM",
      options: ["auto", "plain", "json"] as const,
      default: "auto" as const,
      env: "AEGRA_PROGRESS",
    })(),
    iidfile: Flags.string({
      summary: "File to write the id of the image to.",
      helpValue: "FILE",
      env: "AEGRA_IIDFILE",
    }),
    context: Flags.string({
      summary: "Docker context to use, in place of DOCKER_HOST and the current one.",
      helpValue: "NAME",
      env: "AEGRA_CONTEXT",
    }),
  };

  override async run(): Promise<BuiltImage> {
    const { flags } = await this.parse(Build);
    const project = this.project(flags);
    const buildArgs = toPairs("build-arg", flags["build-arg"]);
    const labels = toPairs("label", flags.label);
    const tags = [flags.tag ?? []].flat();
    if (flags.push && tags.length === 0) throw new Errors.CLIError("--push: name the registry with --tag.");
    const platform = onePlatform(flags.platform, tags);
    const { config, plan } = await planProjectImage(project, {
      aegraVersion: this.config.version,
      baseImage: flags["base-image"],
      installCommand: flags["install-command"],
      buildCommand: flags["build-command"],
      buildArgs,
      secrets: await readSecrets(project, [flags.secret ?? []].flat(), flags["ca-cert"]),
      runtimeSource: "packed",
    });
    for (const warning of plan.warnings) this.warnUser(warning);

    const settings = {
      ...{ config, plan, tags, labels, buildArgs, platform },
      ownPackage: this.config.root,
      builder: flags.builder,
      pull: flags.pull,
      useCache: flags.cache,
      network: flags.network ?? null,
      iidFile: flags.iidfile === undefined ? null : resolve(project.cwd, flags.iidfile),
      archive: toArchive(project, flags.output),
      push: flags.push,
    };
    const progress = toProgress(flags.progress, flags.quiet || this.jsonEnabled());
    const image = await this.#build(settings, { context: flags.context, progress });
    this.status(
      `Built ${image.tags.join(", ")} (${Math.round(image.size / 1e6)} MB). Run it on any Postgres:`,
    );
    this.status(`  docker run -e DATABASE_URL=… -p 2026:2026 ${image.tags[0] ?? image.imageId}`);
    this.log(image.imageId);
    return image;
  }

  async #build(
    settings: Omit<BuildTask, "connection" | "findLogin" | "signal" | "onWarning">,
    { context, progress }: { readonly context: string | undefined; readonly progress: Progress },
  ): Promise<BuiltImage> {
    const stop = listenForStop();
    try {
      const environment = readDockerEnvironment();
      const task = {
        ...settings,
        connection: await openDocker({ environment, context }),
        findLogin: (registry: string) => readRegistryLogin(configDirectoryOf(environment), registry),
        signal: stop.signal,
        onWarning: (message: string) => this.warnUser(message),
      };
      return await withBuildProgress(progress, `Build the image of ${task.config.name}`, (onEvent) =>
        buildProjectImage(task, onEvent),
      );
    } catch (error) {
      throw stop.signal.aborted ? cancelled(error) : error;
    } finally {
      stop.dispose();
    }
  }
}

/** @throws Errors.CLIError for what is no archive */
function toArchive({ cwd }: ProjectRequest, output: string | undefined): string | null {
  if (output === undefined) return null;
  const file = /^tar:(.+)$/.exec(output)?.[1];
  if (file === undefined) {
    throw new Errors.CLIError("--output: expected tar:FILE.", {
      suggestions: ["For the Dockerfile: aegra dockerfile --out FILE"],
    });
  }
  return resolve(cwd, file);
}

const toProgress = (asked: "auto" | "plain" | "json", silent: boolean): Progress =>
  asked === "auto" && silent ? "none" : asked;

/** Images for several platforms at once are put together by a registry, which the engine alone cannot reach so. */
function onePlatform(platform: string | undefined, tags: readonly string[]): string | null {
  if (platform === undefined || !platform.includes(",")) return platform ?? null;
  const tag = tags[0] ?? "NAME";
  throw new CliError(`An image for several platforms (${platform}) is not built by the engine alone.`, {
    code: "PLATFORMS_UNSUPPORTED",
    exitCode: EXIT.image,
    suggestions: [
      `Write the Dockerfile (aegra dockerfile), then: docker buildx build --platform ${platform} --tag ${tag} --push .`,
    ],
  });
}

/** @throws Errors.CLIError for a flag that is not understood; CliError for a file that cannot be read */
async function readSecrets(
  { cwd }: ProjectRequest,
  given: readonly string[],
  caFile: string | undefined,
): Promise<Map<string, Buffer>> {
  const asked = given.map((text): [string, string] => {
    const [, id, src] = /^id=([\w.-]+),src=(.+)$/.exec(text) ?? [];
    if (id === undefined || src === undefined) {
      throw new Errors.CLIError("--secret: expected id=ID,src=FILE.");
    }
    return [id, src];
  });
  if (caFile !== undefined) asked.push(["ca", caFile]);
  const secrets = new Map<string, Buffer>();
  for (const [id, src] of asked) {
    const file = resolve(cwd, src.replace(/^~(?=\/)/, homedir()));
    try {
      secrets.set(id, await readFile(file));
    } catch (cause) {
      throw new CliError(`The secret ${id} cannot be read: ${(cause as Error).message}`, {
        code: "USAGE",
        exitCode: EXIT.usage,
        cause,
      });
    }
  }
  return secrets;
}
