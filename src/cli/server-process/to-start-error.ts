import { CliError } from "../errors.ts";
import type { StartFailure } from "./messages.ts";

/** The error that another process has told, as if it had been thrown here. */
export function toStartError({ message, code, exitCode, suggestions, stack }: StartFailure): CliError {
  const cause = stack === null ? undefined : Object.assign(new Error(message), { stack });
  return new CliError(message, { code, exitCode, suggestions, cause });
}
