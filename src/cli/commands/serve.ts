import process from "node:process";
import { Flags } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { databaseUrlFlag, hostFlag, migrateFlag, portFlag } from "../flags.ts";
import { listenForStop } from "../stop-requests.ts";

export default class Serve extends BaseCommand {
  static override readonly summary = "Serve the project's graphs, as in production.";
  static override readonly description =
    "Keeps everything in the Postgres of DATABASE_URL and writes its log to stdout, a JSON object a line. " +
    "Asked to stop, it takes no new runs, lets running ones finish for a while and hands back the rest.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %> --port 8080",
    "<%= config.bin %> <%= command.id %> --role worker",
    "<%= config.bin %> <%= command.id %> --no-migrate --drain-timeout 30",
  ];
  static override readonly flags = {
    host: hostFlag,
    port: portFlag,
    "database-url": databaseUrlFlag(),
    migrate: migrateFlag,
    role: Flags.option({
      summary: "What this process does: answer requests (api), execute runs (worker), or both (all).",
      helpValue: "ROLE",
      options: ["all", "api", "worker"] as const,
      default: "all" as const,
      env: "AEGRA_ROLE",
    })(),
    "drain-timeout": Flags.integer({
      summary: "Seconds for runs to finish in when asked to stop; otherwise as the environment says.",
      helpValue: "SECONDS",
      min: 0,
      max: 86_400,
      env: "AEGRA_DRAIN_TIMEOUT",
    }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const project = this.project(flags);
    const drainSeconds = flags["drain-timeout"];
    const stop = listenForStop({ onInsist: (exitCode) => process.exit(exitCode) });

    process.chdir(project.cwd);
    const { startAegra } = await import("../../server/main.ts");
    const server = await startAegra({
      ...project,
      mode: "serve",
      host: flags.host,
      port: flags.port,
      databaseUrl: flags["database-url"],
      migrate: flags.migrate,
      role: flags.role,
      drainMs: drainSeconds === undefined ? undefined : drainSeconds * 1000,
      logLevel: flags.verbose ? "debug" : undefined,
      logFormat: this.jsonEnabled() ? "json" : undefined,
    });
    await stop.requested;
    await server[Symbol.asyncDispose]();
    // Whatever a graph has left running must not keep the process.
    this.exit(0);
  }
}
