/** The project's configuration or environment is not usable, and its owner can fix it. Printed without a stack. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** What to do next, one line each; may be empty. The CLI prints them as "Try this". */
  readonly suggestions: readonly string[];

  constructor(message: string, suggestions: readonly string[] = [], cause?: unknown) {
    super(message, { cause });
    this.suggestions = suggestions;
  }
}

/**
 * One message for everything that is wrong in one place, so that it can be put right in one go.
 *
 * @param where the file, or what else was read
 */
export function joinProblems(where: string, problems: readonly string[]): string {
  return problems.length === 1
    ? `${where}: ${problems.join()}`
    : `${where} has ${problems.length} problems:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`;
}
