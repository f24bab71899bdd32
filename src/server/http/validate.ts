import type { Context, MiddlewareHandler } from "hono";
import type { z } from "zod";
import { DomainError, invalid } from "../domain/errors.ts";
import type { Env } from "./env.ts";
import { findJsonProblem } from "./json-problem.ts";
import { brokenBody } from "./limit-body.ts";
import { LastEventId } from "./schemas/run.ts";

type Part = "json" | "param" | "query";

const NAMES: Record<Part, string> = { json: "body", param: "path", query: "query" };

/** What a validator checks, for the description of the API. */
export interface Validation {
  readonly part: Part;
  readonly schema: z.ZodType<object>;
}

const VALIDATION = Symbol("validation");

/** Checks one part of the request against a schema; a mismatch is a 422 that lists what is wrong. */
export function valid<P extends Part, S extends z.ZodType<object>>(
  part: P,
  schema: S,
): MiddlewareHandler<Env, string, { in: Record<P, z.input<S>>; out: Record<P, z.output<S>> }> {
  const validate: MiddlewareHandler<Env> = async (c, next) => {
    const value = await read(c, part);
    const problem = findJsonProblem(value);
    if (problem !== null) throw invalidPart(part, [problem]);
    const parsed = schema.safeParse(value);
    if (!parsed.success) throw invalidPart(part, toIssues(parsed.error));
    c.req.addValidatedData(part, parsed.data);
    await next();
  };
  return Object.assign(validate, { [VALIDATION]: { part, schema } satisfies Validation });
}

/** @returns null when the handler is not a validator */
export const validationOf = (handler: object & { [VALIDATION]?: Validation }): Validation | null =>
  handler[VALIDATION] ?? null;

interface Issue {
  readonly path: string;
  readonly message: string;
}

function invalidPart(part: Part, issues: readonly Issue[]): DomainError {
  const sentences = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`));
  return new DomainError("validation_error", `Invalid ${NAMES[part]}: ${sentences.join("; ")}`, {
    details: { issues },
  });
}

const toIssues = (error: z.ZodError): Issue[] =>
  error.issues.map(({ path, message }) => ({ path: path.map(String).join("."), message }));

async function read(c: Context<Env>, part: Part): Promise<unknown> {
  if (part === "param") return c.req.param();
  if (part === "query") return toQuery(c.req.queries());
  const text = await c.req.text().catch((cause: unknown) => {
    throw brokenBody(cause);
  });
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new DomainError("bad_request", `The body is not JSON: ${(cause as Error).message}`, { cause });
  }
}

/** A key that is repeated becomes a list. */
const toQuery = (queries: Record<string, string[]>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(queries).map(([key, values]) => [key, values.length === 1 ? (values[0] ?? "") : values]),
  );

/** The event after which a client wants to go on; 0 for all events. */
export function lastEventId(c: Context<Env>): number {
  const header = c.req.header("Last-Event-ID");
  if (header === undefined || header === "") return 0;
  const parsed = LastEventId.safeParse(header);
  if (parsed.success) return parsed.data;
  throw invalid("Last-Event-ID", parsed.error.issues.map(({ message }) => message).join("; "));
}
