/** Something about Docker or its containers that the user can fix. Printed without a stack. */
export class DockerError extends Error {
  override readonly name: string = "DockerError";
  /** What to do next, one line each; may be empty. */
  readonly suggestions: readonly string[];

  constructor(message: string, suggestions: readonly string[] = [], cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.suggestions = suggestions;
  }
}

/** An image is missing, or could not be pulled. */
export class ImageError extends DockerError {
  override readonly name = "ImageError";
}

/** Whether the engine answered with this HTTP status; its reasons in words differ between versions. */
export const hasStatus = (error: unknown, status: number): boolean =>
  error instanceof Error && "statusCode" in error && error.statusCode === status;

/** What the engine has said; the library puts the status in front, and words that say nothing. */
export const toReason = (error: Error): string =>
  error.message.replace(/^\(HTTP code \d+\) .*? - /, "").trim();

/** Whether the system gave this reason, such as `ENOENT`. */
export const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && "code" in error && error.code === code;

/** The project cannot be made into an image as it is. */
export class ImagePlanError extends DockerError {
  override readonly name = "ImagePlanError";
}

/** An image could not be built. */
export class BuildError extends DockerError {
  override readonly name = "BuildError";
  /** The instruction that failed; null when it failed before the first one. */
  readonly step: string | null;
  /** The last lines that it has printed. */
  readonly lines: readonly string[];

  constructor(
    message: string,
    { step, lines }: { readonly step: string | null; readonly lines: readonly string[] },
    suggestions: readonly string[] = [],
  ) {
    super(message, suggestions);
    this.step = step;
    this.lines = lines;
  }
}
