/** Every way a request can be refused. The HTTP layer maps each code to one status. */
export type ErrorCode =
  | "bad_request"
  | "not_found"
  | "conflict"
  | "payload_too_large"
  | "validation_error"
  | "service_unavailable";

/**
 * An expected failure: the caller asked for something we must refuse.
 * Bugs and lost connections are ordinary errors and are never turned into one of these.
 */
export class DomainError extends Error {
  override readonly name = "DomainError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause });
    this.code = code;
    this.details = options.details ?? null;
  }
}

export const notFound = (kind: string, id: string): DomainError =>
  new DomainError("not_found", `${kind} '${id}' not found`);

export const conflict = (message: string): DomainError => new DomainError("conflict", message);

/** A well-formed request whose values cannot be used. @param path where in it, `a.b` style */
export const invalid = (path: string, message: string, options: { cause?: unknown } = {}): DomainError =>
  new DomainError("validation_error", `${path}: ${message}`, {
    details: { issues: [{ path, message }] },
    cause: options.cause,
  });
