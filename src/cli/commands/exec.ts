import { Args, Errors, Flags } from "@oclif/core";
import { BaseCommand } from "../base-command.ts";
import { openStack } from "../stack/open-stack.ts";
import { runInService } from "../stack/run-in-service.ts";
import { stackFlags } from "../stack/stack-flags.ts";

export default class Exec extends BaseCommand {
  static override readonly summary = "Run a command in a container of the stack.";
  static override readonly description =
    "It gets the input of this command, and a terminal if there is one. The exit code is that of the command.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %> api -- node --version",
    "<%= config.bin %> <%= command.id %> worker --index 2 -- sh",
  ];
  static override readonly strict = false;
  static override readonly args = {
    service: Args.string({ description: "Service to run it in, such as api.", required: true }),
  };
  static override readonly flags = {
    index: Flags.integer({
      summary: "Which container of the service.",
      helpValue: "N",
      default: 1,
      min: 1,
      env: "AEGRA_INDEX",
    }),
    tty: Flags.boolean({
      summary: "Give the command a terminal; otherwise if this one has one.",
      allowNo: true,
      env: "AEGRA_TTY",
    }),
    user: Flags.string({
      char: "u",
      summary: "User to run it as; otherwise that of the image.",
      helpValue: "USER",
      env: "AEGRA_USER",
    }),
    env: Flags.string({
      char: "e",
      summary: "Variable for the command; may be repeated.",
      helpValue: "NAME=VALUE",
      multiple: true,
      multipleNonGreedy: true,
      env: "AEGRA_ENV",
    }),
    ...stackFlags,
  };

  override async run(): Promise<void> {
    const { flags, args, argv } = await this.parse(Exec);
    if (this.jsonEnabled())
      throw new Errors.CLIError("--json: what is printed is up to the command that is run.");
    const command = (argv as string[]).slice(1);
    if (command.length === 0) {
      throw new Errors.CLIError("There is no command to run.", {
        suggestions: [`Write it after two dashes: aegra exec ${args.service} -- sh`],
      });
    }
    const { connection, name } = await openStack(this.project(flags), flags);
    const exitCode = await runInService(connection.docker, name, {
      command,
      service: args.service,
      index: flags.index,
      terminal: flags.tty ?? null,
      user: flags.user ?? null,
      environment: [flags.env ?? []].flat(),
    });
    this.exit(exitCode);
  }
}
