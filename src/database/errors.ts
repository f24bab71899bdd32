/** No database could be opened, for a reason the user can act on. Printed without a stack. */
export class DatabaseError extends Error {
  override readonly name = "DatabaseError";
  /** What to do next, one line each; may be empty. Never holds a password. */
  readonly suggestions: readonly string[];

  constructor(message: string, suggestions: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.suggestions = suggestions;
  }
}

/** The `code` of an error of Node (`ENOENT`) or of Postgres (`28P01`); null when it has none. */
export function errorCode(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error)) return null;
  return typeof error.code === "string" ? error.code : null;
}
