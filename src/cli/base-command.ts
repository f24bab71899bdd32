import { Command, Flags } from "@oclif/core";
import type { CliError } from "./errors.ts";
import { toCliError } from "./to-cli-error.ts";

/**
 * What every command shares: the global flags, the JSON envelope, and the one place where an error
 * becomes output. Results go to stdout; everything else goes to stderr.
 */
export abstract class BaseCommand extends Command {
  static override readonly enableJsonFlag = true;

  static override readonly baseFlags = {
    config: Flags.string({
      char: "c",
      summary: "Configuration file; otherwise aegra.json or langgraph.json here or above.",
      helpValue: "PATH",
      helpGroup: "GLOBAL",
      env: "AEGRA_CONFIG",
    }),
    cwd: Flags.string({
      char: "C",
      summary: "Run as if started in this directory.",
      helpValue: "DIR",
      helpGroup: "GLOBAL",
      env: "AEGRA_CWD",
    }),
    "env-file": Flags.string({
      summary: "Environment file to load; may be repeated, later ones win.",
      helpValue: "PATH",
      helpGroup: "GLOBAL",
      multiple: true,
      env: "AEGRA_ENV_FILE",
    }),
    quiet: Flags.boolean({
      char: "q",
      summary: "Print the result only.",
      helpGroup: "GLOBAL",
      env: "AEGRA_QUIET",
    }),
    verbose: Flags.boolean({
      char: "v",
      summary: "Print more, and the stack of an error.",
      helpGroup: "GLOBAL",
      env: "AEGRA_VERBOSE",
    }),
    input: Flags.boolean({
      summary: "Ask for what is missing, on a terminal.",
      helpGroup: "GLOBAL",
      default: true,
      allowNo: true,
      env: "AEGRA_INPUT",
    }),
    color: Flags.boolean({
      summary: "Use colours, on a terminal.",
      helpGroup: "GLOBAL",
      default: true,
      allowNo: true,
      env: "AEGRA_COLOR",
    }),
  };

  /** What the user should know although the command succeeded; part of the JSON envelope. */
  readonly #warnings: string[] = [];

  /** Tells what is going on, on stderr. Silent with --quiet and --json. */
  protected status(line: string): void {
    if (!this.jsonEnabled() && !this.argv.includes("--quiet") && !this.argv.includes("-q")) {
      this.logToStderr(line);
    }
  }

  protected warnUser(message: string): void {
    this.#warnings.push(message);
    if (!this.jsonEnabled()) this.logToStderr(`Warning: ${message}`);
  }

  protected override toSuccessJson(data: unknown): unknown {
    return { ok: true, command: this.id ?? null, data: data ?? null, warnings: this.#warnings };
  }

  protected override toErrorJson(error: unknown): unknown {
    const { code, message, suggestions, exitCode } = toCliError(error);
    return { ok: false, error: { code, message, hint: suggestions[0] ?? null, suggestions, exitCode } };
  }

  protected override async catch(error: Error): Promise<unknown> {
    const known = toCliError(error);
    if (this.jsonEnabled()) this.logJson(this.toErrorJson(known));
    else this.#print(known);
    return this.exit(known.exitCode);
  }

  #print({ message, suggestions, cause }: CliError): void {
    this.logToStderr(`Error: ${message}`);
    if (suggestions.length === 1) this.logToStderr(`Try this: ${suggestions[0]}`);
    if (suggestions.length > 1) {
      this.logToStderr(`Try this:\n${suggestions.map((suggestion) => `  • ${suggestion}`).join("\n")}`);
    }
    const verbose = this.argv.includes("--verbose") || this.argv.includes("-v");
    if (verbose && cause instanceof Error) this.logToStderr(`\n${cause.stack ?? cause.message}`);
  }
}
