import { Flags } from "@oclif/core";
import { type Removed, removeStack } from "../../docker/stack/remove-stack.ts";
import { listVolumes } from "../../docker/stack/start-stack.ts";
import { BaseCommand } from "../base-command.ts";
import { askYesNo, cancelled, inputNeeded, isInteractive } from "../prompts.ts";
import { openStack } from "../stack/open-stack.ts";
import { stackFlags } from "../stack/stack-flags.ts";

interface RemovedStack extends Removed {
  readonly project: string;
}

export default class Down extends BaseCommand {
  static override readonly summary = "Stop what aegra up has started, and remove it; data stay.";
  static override readonly description =
    "Servers get the time to finish or hand back their runs. With --project it works from any directory.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %>",
    "<%= config.bin %> <%= command.id %> -v --yes",
  ];
  // Here -v is what it is for other programs that take containers down.
  static override readonly baseFlags = {
    ...BaseCommand.baseFlags,
    verbose: Flags.boolean({
      summary: "Print more, and the stack of an error.",
      helpGroup: "GLOBAL",
      env: "AEGRA_VERBOSE",
    }),
  };
  static override readonly flags = {
    volumes: Flags.boolean({
      char: "v",
      summary: "Remove the data too, and the image that was built.",
      env: "AEGRA_VOLUMES",
    }),
    yes: Flags.boolean({
      char: "y",
      summary: "Do not ask before data are removed.",
      env: "AEGRA_YES",
    }),
    rmi: Flags.boolean({
      summary: "Remove the image that was built.",
      env: "AEGRA_RMI",
    }),
    timeout: Flags.integer({
      summary: "Seconds that a container gets to stop in.",
      helpValue: "SECONDS",
      default: 30,
      min: 0,
      max: 3600,
      env: "AEGRA_TIMEOUT",
    }),
    ...stackFlags,
  };

  override async run(): Promise<RemovedStack> {
    const { flags } = await this.parse(Down);
    const { connection, name } = await openStack(this.project(flags), flags);
    const hasData = (await listVolumes(connection.docker, name)).length > 0;
    if (flags.volumes && hasData && !flags.yes) await this.#confirm(name, flags.input);
    const result = await removeStack(connection.docker, name, {
      removesVolumes: flags.volumes,
      removesImages: flags.volumes || flags.rmi,
      graceSeconds: flags.timeout,
      onProgress: (line) => this.status(line),
    });
    const { removed, kept } = result;
    const count = Object.values(removed).flat().length;
    this.status(count === 0 ? `There is nothing of ${name} to remove.` : `${name} is down.`);
    if (kept.volumes.length > 0) {
      this.status(`Its data are kept (${kept.volumes.join(", ")}); aegra down --volumes removes them.`);
    }
    return { project: name, ...result };
  }

  async #confirm(project: string, input: boolean): Promise<void> {
    if (!isInteractive({ input, json: this.jsonEnabled() })) {
      throw inputNeeded(`whether the data of ${project} may be removed`, "Say so with --yes.");
    }
    const message = `Remove all data of ${project}?`;
    if (!(await askYesNo({ message, initial: false }))) throw cancelled();
  }
}
