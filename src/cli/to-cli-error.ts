import { Errors } from "@oclif/core";
import { ConfigError } from "../config/errors.ts";
import { DatabaseError } from "../database/errors.ts";
import { ScaffoldError } from "../scaffold/errors.ts";
import { CliError, EXIT } from "./errors.ts";

/**
 * Puts every error the rooms throw into the terms of the command line.
 * What is in none of those terms is a bug in Aegra, and says so.
 */
export function toCliError(error: unknown): CliError {
  if (error instanceof CliError) return error;
  if (error instanceof ConfigError) return known(error, "CONFIG_INVALID", EXIT.config);
  if (error instanceof ScaffoldError) return known(error, "INIT_FAILED", EXIT.config);
  if (error instanceof DatabaseError) return known(error, "DATABASE_UNAVAILABLE", EXIT.config);
  if (error instanceof Errors.CLIError) return fromOclif(error);
  const message = error instanceof Error ? error.message : String(error);
  return new CliError(`Unexpected error: ${message}`, {
    code: "UNEXPECTED",
    exitCode: EXIT.bug,
    suggestions: ["This is a bug in Aegra. Run again with --verbose and report what it prints."],
    cause: error,
  });
}

const known = (
  error: Error & { readonly suggestions: readonly string[] },
  code: string,
  exitCode: number,
): CliError => new CliError(error.message, { code, exitCode, suggestions: error.suggestions, cause: error });

function fromOclif(error: Errors.CLIError): CliError {
  // The first line says what is wrong; oclif appends the help text, which belongs to --help.
  const [message = error.message] = error.message.split("\nSee more help with --help");
  return new CliError(message, {
    code: "USAGE",
    exitCode: EXIT.usage,
    suggestions: [...(error.suggestions ?? []), "Add --help to see the flags."],
    cause: error,
  });
}
