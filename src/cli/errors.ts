/** Exit codes, by who has to act. 5 to 13 are left out: Node itself ends with them. */
export const EXIT = {
  bug: 1,
  usage: 2,
  config: 3,
  inputNeeded: 4,
  docker: 20,
  port: 21,
  image: 22,
  container: 23,
  timeout: 24,
  migration: 25,
  check: 26,
  interrupted: 130,
  terminated: 143,
} as const;

export interface CliErrorOptions {
  /** Stable name for scripts, e.g. `PORT_IN_USE`. */
  readonly code: string;
  readonly exitCode: number;
  /** What the user can do, most likely first. */
  readonly suggestions?: readonly string[];
  /** More about it, for scripts. */
  readonly details?: object;
  readonly cause?: unknown;
}

/** A failure the user can act on. Printed without a stack. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly code: string;
  readonly exitCode: number;
  readonly suggestions: readonly string[];
  /** Null when there is no more to say. */
  readonly details: object | null;

  constructor(message: string, { code, exitCode, suggestions = [], details, cause }: CliErrorOptions) {
    super(message, { cause });
    this.code = code;
    this.exitCode = exitCode;
    this.suggestions = suggestions;
    this.details = details ?? null;
  }
}
