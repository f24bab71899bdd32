/** Something about Docker or its containers that the user can fix. Printed without a stack. */
export class DockerError extends Error {
  override readonly name = "DockerError";
  /** What to do next, one line each; may be empty. */
  readonly suggestions: readonly string[];

  constructor(message: string, suggestions: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.suggestions = suggestions;
  }
}

/** Whether the engine answered with this HTTP status; its reasons in words differ between versions. */
export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof Error && "statusCode" in error && error.statusCode === status;
