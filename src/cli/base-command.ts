import { existsSync } from "node:fs";
import { resolve } from "node:path";
import process from "node:process";
import { Command, Errors, Flags } from "@oclif/core";
import { isJsonRequested, turnColorsOff } from "../config/process-environment.ts";
import { toErrorEnvelope, toErrorText } from "./error-output.ts";
import { CliError, EXIT } from "./errors.ts";
import { toCliError } from "./to-cli-error.ts";

/** Which project a command is about. */
export interface ProjectRequest {
  /** Absolute; where the configuration is looked for. */
  readonly cwd: string;
  readonly configFile: string | undefined;
  /** Absolute, in order. */
  readonly envFiles: readonly string[];
}

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
      // Otherwise it would also take the arguments that follow it.
      multipleNonGreedy: true,
      env: "AEGRA_ENV_FILE",
    }),
    json: Flags.boolean({
      summary: "Print the result as JSON, on one line.",
      helpGroup: "GLOBAL",
      env: "AEGRA_JSON",
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
  // Until the flags are read, which can fail.
  #quiet = false;
  #verbose = this.argv.includes("--verbose") || this.argv.includes("-v");

  protected override async init(): Promise<void> {
    await super.init();
    const { flags } = await this.parse<
      Record<never, never>,
      { quiet: boolean; verbose: boolean; color: boolean },
      never
    >();
    this.#quiet = flags.quiet;
    this.#verbose = flags.verbose;
    if (!flags.color) turnColorsOff();
  }

  override jsonEnabled(): boolean {
    return super.jsonEnabled() || isJsonRequested();
  }

  /**
   * The project that the global flags name.
   *
   * @throws CliError `USAGE` when --cwd names no directory
   */
  protected project(flags: {
    readonly cwd: string | undefined;
    readonly config: string | undefined;
    readonly "env-file": readonly string[] | undefined;
  }): ProjectRequest {
    const cwd = resolve(flags.cwd ?? ".");
    if (!existsSync(cwd)) {
      throw new CliError(`There is no directory ${cwd} (named by --cwd).`, {
        code: "USAGE",
        exitCode: EXIT.usage,
      });
    }
    // From its variable oclif gives one path, not a list.
    const envFiles = [flags["env-file"] ?? []].flat().map((path) => resolve(cwd, path));
    return { cwd, configFile: flags.config, envFiles };
  }

  /** Tells what is going on, on stderr. Silent with --quiet and --json. */
  protected status(line: string): void {
    if (!this.#quiet) this.logToStderr(line);
  }

  protected warnUser(message: string): void {
    this.#warnings.push(message);
    this.logToStderr(`Warning: ${message}`);
  }

  /** One line, so that a stream of results can be read line by line. */
  protected override logJson(json: unknown): void {
    process.stdout.write(`${JSON.stringify(json)}\n`);
  }

  protected override toSuccessJson(data: unknown): unknown {
    return {
      ok: true,
      command: this.id?.replaceAll(":", " ") ?? null,
      data: data ?? null,
      warnings: this.#warnings,
    };
  }

  protected override toErrorJson(error: unknown): unknown {
    return toErrorEnvelope(toCliError(error));
  }

  protected override async catch(error: Error): Promise<unknown> {
    // The command has said what it had to say, and chose this code.
    if (error instanceof Errors.ExitError) throw error;
    const known = toCliError(error);
    if (this.jsonEnabled()) this.logJson(toErrorEnvelope(known));
    else this.#print(known);
    return this.exit(known.exitCode);
  }

  #print(error: CliError): void {
    this.logToStderr(toErrorText(error));
    const { cause } = error;
    if (this.#verbose && cause instanceof Error) this.logToStderr(`\n${cause.stack ?? cause.message}`);
  }
}
