import type { MiddlewareHandler } from "hono";
import { cors } from "hono/cors";

/** Who may call the server from a page of another origin; the spelling is the configuration's. */
export interface CorsRules {
  readonly allow_origins: readonly string[];
  readonly allow_origin_regex: string | null;
  readonly allow_methods: readonly string[];
  readonly allow_headers: readonly string[];
  readonly allow_credentials: boolean;
  readonly expose_headers: readonly string[];
  readonly max_age_seconds: number;
}

/** Headers that clients of the protocol read, whatever the configuration says. */
const PROTOCOL_HEADERS = [
  "Content-Location",
  "Location",
  "X-Pagination-Total",
  "X-Pagination-Next",
  "Idempotency-Replayed",
];

/**
 * Answers preflights and marks responses, streams included. Hono's own middleware does the former only: it looks at
 * the response before there is one, whereupon each is read as a stream and copied.
 */
export function crossOrigin(rules: CorsRules): MiddlewareHandler {
  const pattern = rules.allow_origin_regex === null ? null : new RegExp(`^(?:${rules.allow_origin_regex})$`);
  const anyOrigin = rules.allow_origins.includes("*");
  const isAllowed = (origin: string) =>
    rules.allow_origins.includes(origin) || pattern?.test(origin) === true;
  // "*" is answered as it is, never with the origin that asks: with credentials that would let in everyone.
  const toAllowed = (origin: string) => (isAllowed(origin) ? origin : anyOrigin ? "*" : null);
  const exposed = [...PROTOCOL_HEADERS, ...rules.expose_headers];

  const answerPreflight = cors({
    origin: toAllowed,
    allowMethods: [...rules.allow_methods],
    // No list makes Hono repeat the headers that the preflight asks for, which is what "*" is meant to say.
    allowHeaders: rules.allow_headers.includes("*") ? [] : [...rules.allow_headers],
    credentials: rules.allow_credentials,
    exposeHeaders: exposed,
    maxAge: rules.max_age_seconds,
  });

  return async (c, next) => {
    if (c.req.method === "OPTIONS") return answerPreflight(c, next);
    const allowed = toAllowed(c.req.header("Origin") ?? "");
    if (allowed !== null) c.header("Access-Control-Allow-Origin", allowed);
    if (rules.allow_credentials) c.header("Access-Control-Allow-Credentials", "true");
    c.header("Access-Control-Expose-Headers", exposed.join(","));
    c.header("Vary", "Origin");
    await next();
  };
}
