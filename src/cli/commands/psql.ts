import { Errors } from "@oclif/core";
import { DATABASE_NAME } from "../../docker/stack/stack-plan.ts";
import { BaseCommand } from "../base-command.ts";
import { openStack } from "../stack/open-stack.ts";
import { runInService } from "../stack/run-in-service.ts";
import { stackFlags } from "../stack/stack-flags.ts";

export default class Psql extends BaseCommand {
  static override readonly summary = "Open psql on the stack's Postgres.";
  static override readonly description =
    "It runs in the container of Postgres: neither a port nor a password is needed, nor psql on this machine.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    '<%= config.bin %> <%= command.id %> -- -c "select count(*) from thread"',
  ];
  static override readonly strict = false;
  static override readonly flags = { ...stackFlags };

  override async run(): Promise<void> {
    const { flags, argv } = await this.parse(Psql);
    if (this.jsonEnabled())
      throw new Errors.CLIError("--json: what is printed is up to the command that is run.");
    const { connection, name } = await openStack(this.project(flags), flags);
    const exitCode = await runInService(connection.docker, name, {
      command: ["psql", "-U", DATABASE_NAME, "-d", DATABASE_NAME, ...(argv as string[])],
      service: "postgres",
      index: 1,
      terminal: null,
      user: null,
      environment: [],
    });
    this.exit(exitCode);
  }
}
