/** A project that could not be created; the user can change that. */
export class ScaffoldError extends Error {
  override readonly name = "ScaffoldError";
  /** What to try, one line each. */
  readonly suggestions: readonly string[];

  constructor(message: string, suggestions: readonly string[] = [], cause?: unknown) {
    super(message, { cause });
    this.suggestions = suggestions;
  }
}
