import { DockerError } from "../errors.ts";

/** Why a container is not what it should be. */
export interface Diagnosis {
  readonly container: string;
  readonly service: string;
  /** Stable, for scripts: `EXITED`, `OOM`, `DB_AUTH`, … */
  readonly code: string;
  /** Completes "The container … ", without the full stop. */
  readonly cause: string;
  readonly exitCode: number | null;
  /** The last lines that it has printed, without passwords. */
  readonly log: readonly string[];
  /** What to do; null when nothing is known. */
  readonly hint: string | null;
}

/** A stack did not come up. What was started is kept, to be looked at. */
export class StackError extends DockerError {
  override readonly name = "StackError";
  readonly code: "CONTAINER_FAILED" | "TIMEOUT" | "MIGRATION_FAILED" | "PORT_IN_USE" | "SERVICE_MISSING";
  readonly containers: readonly Diagnosis[];

  constructor(
    message: string,
    {
      code,
      containers = [],
      suggestions = [],
      cause,
    }: {
      readonly code: StackError["code"];
      readonly containers?: readonly Diagnosis[];
      readonly suggestions?: readonly string[];
      readonly cause?: unknown;
    },
  ) {
    super(message, suggestions, cause);
    this.code = code;
    this.containers = containers;
  }
}
