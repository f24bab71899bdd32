import type { CliError } from "./errors.ts";

/** An error as --json prints it. The keys are frozen: scripts read them. */
export function toErrorEnvelope({ code, message, suggestions, exitCode, details }: CliError) {
  const error = { code, message, hint: suggestions[0] ?? null, suggestions, exitCode };
  return { ok: false, error: details === null ? error : { ...error, details } };
}

/** An error for people: what is wrong, then what to do. Without a newline at the end. */
export function toErrorText({ message, suggestions }: Pick<CliError, "message" | "suggestions">): string {
  if (suggestions.length === 0) return `Error: ${message}`;
  const [only] = suggestions;
  return suggestions.length === 1
    ? `Error: ${message}\nTry this: ${only}`
    : `Error: ${message}\nTry this:\n${suggestions.map((suggestion) => `  • ${suggestion}`).join("\n")}`;
}
