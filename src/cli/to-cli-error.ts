import { Errors } from "@oclif/core";
import { ConfigError } from "../config/errors.ts";
import { DatabaseError } from "../database/errors.ts";
import { BuildError, DockerError, ImageError, ImagePlanError } from "../docker/errors.ts";
import { StackError } from "../docker/stack/errors.ts";
import { ScaffoldError } from "../scaffold/errors.ts";
import { StartError } from "../server/errors.ts";
import { CliError, EXIT } from "./errors.ts";
import { findNearest } from "./nearest.ts";

/**
 * Puts every error the rooms throw into the terms of the command line.
 * What is in none of those terms is a bug in Aegra, and says so.
 */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) return known(error, "CONFIG_INVALID", EXIT.config);
  if (error instanceof ScaffoldError) return known(error, "INIT_FAILED", EXIT.config);
  if (error instanceof DatabaseError) return known(error, "DATABASE_UNAVAILABLE", EXIT.config);
  if (error instanceof ImageError) return known(error, "IMAGE_UNAVAILABLE", EXIT.image);
  if (error instanceof BuildError) return known(error, "BUILD_FAILED", EXIT.image);
  if (error instanceof ImagePlanError) return known(error, "PROJECT_UNUSABLE", EXIT.config);
  if (error instanceof StackError) return fromStack(error);
  if (error instanceof DockerError) return known(error, "DOCKER_UNAVAILABLE", EXIT.docker);
  if (error instanceof StartError) return known(error, error.code, START_EXITS[error.code]);
  if (error instanceof Errors.CLIError) return fromOclif(error);
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(`Unexpected error: ${message}`, {
    code: "UNEXPECTED",
    exitCode: EXIT.bug,
    suggestions: ["This is a bug in Aegra. Run again with --verbose and report what it prints."],
    cause: error,
  });
}

const STACK_EXITS: Readonly<Record<StackError["code"], number>> = {
  CONTAINER_FAILED: EXIT.container,
  MIGRATION_FAILED: EXIT.migration,
  PORT_IN_USE: EXIT.port,
  SERVICE_MISSING: EXIT.usage,
  TIMEOUT: EXIT.timeout,
};

function fromStack(error: StackError): CliError {
  const { code, message, suggestions, containers } = error;
  return new CliError(message, {
    ...{ code, suggestions, exitCode: STACK_EXITS[code], cause: error },
    ...(containers.length === 0 ? {} : { details: { containers } }),
  });
}

const START_EXITS: Readonly<Record<StartError["code"], number>> = {
  PORT_IN_USE: EXIT.port,
  GRAPH_FAILED: EXIT.bug,
  AUTH_UNSUPPORTED: EXIT.config,
  NOTHING_TO_DO: EXIT.config,
  DATABASE_MISSING: EXIT.config,
  DATABASE_UNAVAILABLE: EXIT.config,
  DATABASE_MISMATCH: EXIT.config,
  DATABASE_OUTDATED: EXIT.migration,
  MIGRATION_FAILED: EXIT.migration,
};

const known = (
  error: Error & { readonly suggestions: readonly string[] },
  code: string,
  exitCode: number,
): CliError => new CliError(error.message, { code, exitCode, suggestions: error.suggestions, cause: error });

function fromOclif(error: Errors.CLIError): CliError {
  // oclif says what is wrong and then repeats that there is --help.
  const [text = error.message] = error.message.split("\nSee more help with --help");
  return new CliError(text.replace(/^Parsing (--\S+)\s+/, "$1: "), {
    code: "USAGE",
    exitCode: EXIT.usage,
    suggestions: [...suggestFlags(error), ...(error.suggestions ?? []), "Add --help to see the flags."],
    cause: error,
  });
}

/** What oclif adds to the error about flags that do not exist; it does not export the class. */
type UnknownFlags = Partial<{
  readonly flags: readonly string[];
  readonly parse: { readonly input: { readonly flags: Readonly<Record<string, unknown>> } };
}>;

function suggestFlags(error: Errors.CLIError): string[] {
  const { flags, parse } = error as UnknownFlags;
  if (flags === undefined || parse === undefined) return [];
  const known = Object.keys(parse.input.flags).map((name) => `--${name}`);
  const nearest = flags.map((flag) => findNearest(flag, known)).filter((flag) => flag !== null);
  return nearest.length === 0 ? [] : [`Did you mean: ${nearest.join(", ")}`];
}
