import type { Context } from "hono";
import { HTTPException } from "hono/http-exception";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { DomainError, type ErrorCode } from "../domain/errors.ts";
import type { Env } from "./env.ts";

const STATUS: Record<ErrorCode, ContentfulStatusCode> = {
  bad_request: 400,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  validation_error: 422,
  service_unavailable: 503,
};

/** How long clients should wait before they ask a server without database again. */
const RETRY_AFTER_SECONDS = "1";

/**
 * Makes Hono's `onError`: the only place where an error becomes a response.
 * @param isUnavailable tells an outage of something we depend on from a bug of ours
 */
export function createErrorHandler(isUnavailable: (error: unknown) => boolean) {
  return (error: Error, c: Context<Env>): Response => {
    if (error instanceof DomainError) {
      return respond(c, STATUS[error.code], error.code, error.message, error.details);
    }
    if (error instanceof HTTPException) return respond(c, error.status, "bad_request", error.message);
    if (isUnavailable(error)) {
      c.var.log.error({ err: error }, "database unavailable");
      c.header("Retry-After", RETRY_AFTER_SECONDS);
      return respond(c, 503, "service_unavailable", "The database is not available at the moment; try again");
    }
    c.var.log.error({ err: error }, "unhandled error");
    return respond(c, 500, "internal_error", "An unexpected error occurred");
  };
}

export const respondNotFound = (c: Context<Env>): Response =>
  respond(c, 404, "not_found", `There is no ${c.req.method} ${c.req.path}`);

/** `detail` repeats the message, because that is the field that clients of the hosted server read. */
function respond(
  c: Context<Env>,
  status: number,
  error: string,
  message: string,
  details: unknown = null,
): Response {
  return c.json({ error, message, details, detail: message }, status as ContentfulStatusCode);
}
