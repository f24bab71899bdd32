import process from "node:process";
import { type Config, Flags } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { databaseUrlFlag, hostFlag, migrateFlag, portFlag } from "../flags.ts";
import type { ServerProcess } from "../server-process/start-server-process.ts";
import { listenForStop } from "../stop-requests.ts";

const INSPECTOR_PORT = "9229";

export default class Dev extends BaseCommand {
  static override readonly summary = "Serve the project's graphs while you work on them.";
  static override readonly description =
    "Brings a Postgres of its own, kept in .aegra, unless DATABASE_URL or --database-url names one. When a " +
    "source file, the configuration or an environment file changes, the server is restarted, and runs that " +
    "were in flight go on from their last step. With --json, events are printed as they happen, one a line.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> --port 0 --inspect",
  ];
  static override readonly flags = {
    host: hostFlag,
    port: portFlag,
    "database-url": databaseUrlFlag(),
    migrate: migrateFlag,
    reload: Flags.boolean({
      summary: "Restart the server when a file changes.",
      allowNo: true,
      default: true,
      env: "AEGRA_RELOAD",
    }),
    inspect: Flags.integer({
      summary: `Let a debugger attach to the server, on this port (${INSPECTOR_PORT} when none is given).`,
      helpValue: "[PORT]",
      min: 0,
      max: 65_535,
      env: "AEGRA_INSPECT",
    }),
    "inspect-brk": Flags.integer({
      summary: "The same, and wait for the debugger before anything is loaded.",
      helpValue: "[PORT]",
      min: 0,
      max: 65_535,
      env: "AEGRA_INSPECT_BRK",
    }),
  };

  constructor(argv: string[], config: Config) {
    super(withInspectorPorts(argv), config);
  }

  override async run(): Promise<void> {
    const { flags } = await this.parse(Dev);
    let server: ServerProcess | null = null;
    let exitCode = 0;
    let insisted = 0;
    const stop = listenForStop({
      hangup: true,
      onInsist: (code) => {
        exitCode = code;
        insisted += 1;
        // The database still stops in order, unless the user does not want to wait for that either.
        if (insisted > 1) process.exit(code);
        server?.kill();
      },
    });
    const { runDev } = await import("../dev/run-dev.ts");
    await runDev({
      ...this.project(flags),
      host: flags.host,
      port: flags.port,
      databaseUrl: flags["database-url"],
      migrate: flags.migrate,
      reload: flags.reload,
      verbose: flags.verbose,
      json: this.jsonEnabled(),
      nodeFlags: toNodeFlags(flags),
      stop: stop.signal,
      status: (line) => this.status(line),
      onProcess: (current) => {
        server = current;
      },
    });
    this.exit(exitCode);
  }
}

/** oclif knows no flag whose value may be left out: the default is put in its place. */
function withInspectorPorts(argv: readonly string[]): string[] {
  return argv.map((word, index) => {
    const isBare = /^--inspect(-brk)?$/.test(word) && !/^\d+$/.test(argv[index + 1] ?? "");
    return isBare ? `${word}=${INSPECTOR_PORT}` : word;
  });
}

function toNodeFlags(flags: { inspect: number | undefined; "inspect-brk": number | undefined }): string[] {
  if (flags["inspect-brk"] !== undefined) return [`--inspect-brk=${flags["inspect-brk"]}`];
  return flags.inspect === undefined ? [] : [`--inspect=${flags.inspect}`];
}
