import { createHash } from "node:crypto";
import type { Context } from "hono";
import { invalid } from "../domain/errors.ts";
import type { IdempotentRequest } from "../domain/idempotency.ts";
import { isJsonObject } from "../domain/json.ts";
import type { Run } from "../domain/run.ts";
import type { Services } from "../services/bind.ts";
import type { RunCreate } from "../services/runs/create-run.ts";
import type { CreatedRun } from "../services/runs/create-runs-once.ts";
import type { Env } from "./env.ts";

const KEY = /^[\x20-\x7e]{1,255}$/;

/** A run as whoever follows it needs it. */
interface Created {
  readonly run: Run;
  /** Whether it is known to exist, even if it is over already. */
  readonly isNew: boolean;
}

/** Makes a run, or finds the one that an earlier request with the same `Idempotency-Key` has made. */
export async function createRunOnce(
  c: Context<Env>,
  services: Services,
  request: RunCreate,
): Promise<Created> {
  const [created] = await createOnce(c, services, [request]);
  const { run, isReplay, isRemembered } = created as CreatedRun;
  return { run, isNew: !isReplay || isRemembered };
}

/** The same for several, which share the key. */
export async function createRunsOnce(
  c: Context<Env>,
  services: Services,
  requests: readonly RunCreate[],
): Promise<readonly Run[]> {
  return (await createOnce(c, services, requests)).map(({ run }) => run);
}

async function createOnce(c: Context<Env>, services: Services, requests: readonly RunCreate[]) {
  const created = await services.createRunsOnce(c.var.caller, requests, await idempotencyOf(c));
  if (created.some(({ isReplay }) => isReplay)) c.header("Idempotency-Replayed", "true");
  return created;
}

/**
 * The key of a request, with what makes it this request: the thread and the body as it was sent. Not its other
 * headers, which differ each time, nor whether the client creates, streams or waits: who lost a stream may look for
 * its run.
 *
 * @returns null when the client has sent no key
 * @throws DomainError `validation_error`
 */
async function idempotencyOf(c: Context<Env>): Promise<IdempotentRequest | null> {
  const key = c.req.header("Idempotency-Key");
  if (key === undefined) return null;
  if (!KEY.test(key)) throw invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters");
  const threadId = c.req.param("thread_id")?.toLowerCase() ?? null;
  const text = JSON.stringify([threadId, await c.req.json<unknown>()], inOrder);
  return { key, fingerprint: createHash("sha256").update(text).digest("base64url") };
}

const inOrder = (_key: string, value: unknown): unknown =>
  isJsonObject(value)
    ? Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
    : value;
