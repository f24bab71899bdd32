import type { MiddlewareHandler } from "hono";
import { DomainError } from "../domain/errors.ts";
import type { Env } from "./env.ts";

/** Most bytes over the limit that are read to be thrown away; who sends more is cut off without an answer. */
const MAX_DISCARDED_BYTES = 64 * 2 ** 20;

const BODILESS: ReadonlySet<string> = new Set(["GET", "HEAD"]);

/**
 * Refuses bodies that are too large. They are read to their end all the same: an answer before the end
 * reaches many clients as a broken connection, and leaves one that serves no further request.
 */
export function limitBody(maxBytes: number): MiddlewareHandler<Env> {
  return async (c, next) => {
    const declared = c.req.header("Content-Length");
    // Node lets no more through than was declared. To look at the body makes it a stream, which takes far longer than
    // most requests do; so that comes last.
    const isSmall = declared !== undefined && Number(declared) <= maxBytes;
    if (isSmall || BODILESS.has(c.req.method)) return next();
    const { body } = c.req.raw;
    if (body === null) return next();
    c.req.raw = new Request(c.req.raw, { body: await readLimited(body, maxBytes) });
    await next();
  };
}

async function readLimited(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  try {
    for await (const chunk of body) {
      sizeBytes += chunk.length;
      if (sizeBytes <= maxBytes) chunks.push(chunk);
      else if (sizeBytes > maxBytes + MAX_DISCARDED_BYTES) break;
    }
  } catch (cause) {
    throw brokenBody(cause);
  }
  if (sizeBytes <= maxBytes) return Buffer.concat(chunks);
  throw new DomainError(
    "payload_too_large",
    `The body is larger than ${(maxBytes / 2 ** 20).toFixed(1)} MiB; HTTP_MAX_REQUEST_BODY_BYTES sets the limit`,
  );
}

/** The client went away in the middle of its body: no fault of the server, although it looks like one of its network. */
export const brokenBody = (cause: unknown): DomainError =>
  new DomainError("bad_request", "The body broke off before its end", { cause });
