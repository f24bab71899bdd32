import { access, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import process from "node:process";
import { Flags } from "@oclif/core";
import { toDockerfile } from "../../docker/dockerfile.ts";
import type { ImagePlan } from "../../docker/image-plan.ts";
import { BaseCommand } from "../base-command.ts";
import { CliError, EXIT } from "../errors.ts";
import { imageFlags, toPairs } from "../image-flags.ts";
import { planProjectImage } from "../plan-project-image.ts";

interface WrittenDockerfile {
  readonly files: readonly {
    /** Absolute. */
    readonly path: string;
    /** `skip`: it is there already, and is kept. */
    readonly action: "create" | "overwrite" | "skip";
  }[];
  /** The text, when it was asked for in place of a file. */
  readonly dockerfile: string | null;
  /** The command that builds it. */
  readonly next: string;
}

export default class Dockerfile extends BaseCommand {
  static override readonly summary = "Write the Dockerfile that aegra build uses, to build without aegra.";
  static override readonly description =
    "Writes a .dockerignore too, unless there is one. In a workspace both belong to its root, which is the context.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --out -",
  ];
  static override readonly flags = {
    out: Flags.string({
      char: "o",
      summary: "File to write; - for stdout.",
      helpValue: "FILE",
      default: "Dockerfile",
      env: "AEGRA_OUT",
    }),
    force: Flags.boolean({
      summary: "Replace a Dockerfile that is there.",
      env: "AEGRA_FORCE",
    }),
    ...imageFlags,
  };

  override async run(): Promise<WrittenDockerfile> {
    const { flags } = await this.parse(Dockerfile);
    const project = this.project(flags);
    const { plan } = await planProjectImage(project, {
      aegraVersion: this.config.version,
      baseImage: flags["base-image"],
      installCommand: flags["install-command"],
      buildCommand: flags["build-command"],
      buildArgs: toPairs("build-arg", flags["build-arg"]),
      secrets: new Map(),
      runtimeSource: "registry",
    });
    for (const warning of plan.warnings) this.warnUser(warning);
    const text = toDockerfile(plan.dockerfile);
    if (flags.out === "-") {
      process.stdout.write(this.jsonEnabled() ? "" : text);
      return { files: [], dockerfile: text, next: toCommand(plan, "Dockerfile", project.cwd) };
    }

    const file = resolve(project.cwd, flags.out);
    const ignore = join(plan.tree.root, ".dockerignore");
    const isThere = await exists(file);
    if (isThere && !flags.force) {
      throw new CliError(`${file} is there already.`, {
        code: "FILE_EXISTS",
        exitCode: EXIT.config,
        suggestions: ["Replace it with --force, or write elsewhere with --out FILE."],
      });
    }
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, text);
    const hasIgnore = await exists(ignore);
    if (!hasIgnore) await writeFile(ignore, `${plan.ignores.join("\n")}\n`);
    else this.warnUser(`${ignore} is kept: see that it leaves out .env, node_modules and .git.`);
    const next = toCommand(plan, file, project.cwd);
    this.log(`Written to ${file}. Build it:\n  ${next}`);
    return {
      files: [
        { path: file, action: isThere ? "overwrite" : "create" },
        { path: ignore, action: hasIgnore ? "skip" : "create" },
      ],
      dockerfile: null,
      next,
    };
  }
}

function toCommand({ tree, dockerfile }: ImagePlan, file: string, cwd: string): string {
  const secrets = dockerfile.secrets.map(({ id }) => ` --secret id=${id},src=.${id}`);
  const context = relative(cwd, tree.root) || ".";
  return `docker build -f ${relative(cwd, resolve(cwd, file))}${secrets.join("")} ${context}`;
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );
