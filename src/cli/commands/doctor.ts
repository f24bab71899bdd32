import process from "node:process";
import { Flags } from "@oclif/core";
import { DEFAULT_PORT } from "../../config/default-port.ts";
import { BaseCommand, type ProjectRequest } from "../base-command.ts";
import { contextFlag, projectFlag } from "../docker-flags.ts";
import { type CheckResult, type CheckStatus, ok, runCheck, skip, warn } from "../doctor/check.ts";
import { EXIT } from "../errors.ts";
import { imageFlags } from "../image-flags.ts";

interface Diagnosis {
  readonly checks: readonly CheckResult[];
}

const MARKS: Readonly<Record<CheckStatus, string>> = { ok: "✓", warn: "!", fail: "✗", skip: "–" };

export default class Doctor extends BaseCommand {
  static override readonly summary = "Check what the project needs on this machine.";
  static override readonly description =
    "Looks at the project, its environment, its database and Docker, changes nothing, and says what to do. Ends with " +
    "26 when something has to be put right.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --strict --json",
  ];
  static override readonly flags = {
    strict: Flags.boolean({
      summary: "Let warnings count as failures.",
      env: "AEGRA_STRICT",
    }),
    "base-image": imageFlags["base-image"],
    "postgres-image": Flags.string({
      summary: "Image of the Postgres to look for.",
      helpValue: "IMAGE",
      default: "pgvector/pgvector:pg17",
      env: "AEGRA_POSTGRES_IMAGE",
    }),
    project: projectFlag,
    context: contextFlag,
  };

  override async run(): Promise<Diagnosis> {
    const { flags } = await this.parse(Doctor);
    const project = this.project(flags);
    const { checkProject } = await import("../doctor/project-checks.ts");
    const { checkDocker } = await import("../doctor/docker-checks.ts");
    const { findDockerProject } = await import("../find-docker-project.ts");
    const { checks, config, environment } = await checkProject(project, {
      aegraVersion: this.config.version,
      baseImage: flags["base-image"],
    });
    const databaseUrl = environment?.databaseUrl ?? null;
    const all = [
      ...checks,
      await checkDatabase(project, databaseUrl),
      ...(await checkDocker({
        context: flags.context,
        images: [flags["base-image"], flags["postgres-image"]],
        port: environment?.port ?? DEFAULT_PORT,
        isOptional: databaseUrl !== null,
        findProject: async ({ docker }) =>
          config === null && flags.project === undefined
            ? null
            : findDockerProject(docker, project, flags.project),
      })),
    ];
    for (const { id, status, detail, fix } of all) {
      this.log(`${MARKS[status]} ${id.padEnd(15)} ${detail}`);
      if (fix !== null) this.log(`  ${"".padEnd(15)} → ${fix}`);
    }
    const isBad = all.some(({ status }) => status === "fail" || (flags.strict && status === "warn"));
    // The result is printed all the same, also as JSON.
    if (isBad) process.exitCode = EXIT.check;
    return { checks: all };
  }
}

function checkDatabase(project: ProjectRequest, databaseUrl: string | null): Promise<CheckResult> {
  return runCheck("database", async () => {
    if (databaseUrl === null) return skip("DATABASE_URL is not set; aegra dev and aegra up bring a Postgres");
    const { readProjectDatabaseStatus } = await import("../read-project-database-status.ts");
    const { applied, pending } = await readProjectDatabaseStatus({
      ...project,
      databaseUrl,
      status: () => undefined,
    });
    if (pending.length === 0) return ok(`answers, ${applied.length} migrations applied`);
    return warn(
      `answers, and lacks ${pending.length} migrations`,
      "aegra db upgrade, or let the server do it.",
    );
  });
}
