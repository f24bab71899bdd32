import process from "node:process";
import { Flags } from "@oclif/core";
import type { StartOptions } from "../../server/main.ts";
import { BaseCommand } from "../base-command.ts";
import { databaseUrlFlag, hostFlag, migrateFlag, portFlag, workersFlag } from "../flags.ts";
import { readProjectEnvironment } from "../serve/read-project-environment.ts";
import type { Serving } from "../serve/serve-with-workers.ts";
import { listenForStop } from "../stop-requests.ts";

/** What a process needs beyond the time that its runs get, to stop those that go on and to close. */
const CLOSE_MS = 15_000;

export default class Serve extends BaseCommand {
  static override readonly summary = "Serve the project's graphs, as in production.";
  static override readonly description =
    "Keeps everything in the Postgres of DATABASE_URL and writes its log to stdout, a JSON object a line. " +
    "Asked to stop, it takes no new runs, lets running ones finish for a while and hands back the rest.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %> --port 8080",
    "<%= config.bin %> <%= command.id %> --role worker",
    "<%= config.bin %> <%= command.id %> --workers auto",
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
    workers: workersFlag(),
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
    const start: StartOptions = {
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
    };
    let serving: Serving | null = null;
    const stop = listenForStop({
      onInsist: (exitCode) => {
        serving?.kill();
        process.exit(exitCode);
      },
    });

    process.chdir(project.cwd);
    const environment = await readProjectEnvironment(project);
    const workers = flags.workers ?? environment.workers;
    if (workers === 1) {
      const { startAegra } = await import("../../server/main.ts");
      const server = await startAegra(start);
      await stop.requested;
      await server[Symbol.asyncDispose]();
    } else {
      const { openLog } = await import("../../server/main.ts");
      const { serveWithWorkers } = await import("../serve/serve-with-workers.ts");
      const log = openLog(start, environment);
      const stopMs = (start.drainMs ?? environment.shutdownGraceMs) + CLOSE_MS;
      serving = serveWithWorkers({ start, workers, stopMs, stop: stop.signal, log });
      await serving.ended;
    }
    // Whatever a graph has left running must not keep the process.
    this.exit(0);
  }
}
