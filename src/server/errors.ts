/** Why the server could not start, in terms of the project or the machine. */
export class StartError extends Error {
  override readonly name = "StartError";
  /** Stable name for scripts. */
  readonly code:
    | "PORT_IN_USE"
    | "GRAPH_FAILED"
    | "AUTH_UNSUPPORTED"
    | "NOTHING_TO_DO"
    | "DATABASE_MISSING"
    | "DATABASE_MISMATCH"
    | "DATABASE_OUTDATED"
    | "DATABASE_UNAVAILABLE"
    | "MIGRATION_FAILED";
  readonly suggestions: readonly string[];

  constructor(code: StartError["code"], message: string, suggestions: readonly string[], cause?: unknown) {
    super(message, { cause });
    this.code = code;
    this.suggestions = suggestions;
  }
}
