import type { Context } from "hono";
import type { Env } from "./env.ts";
import { type StreamOptions, toKeptAliveStream } from "./sse.ts";

/** How long an answer may take before its headers go out without it, and something now and then after them. */
const HEADERS_AFTER_MS = 1000;

/**
 * Answers with JSON that may take a while. What comes soon is sent whole, which costs much less than a stream.
 * @param text never rejects
 */
export async function respondWithLateJson(
  c: Context<Env>,
  text: Promise<string>,
  { heartbeatMs, onLeave }: StreamOptions,
): Promise<Response> {
  c.header("Content-Type", "application/json");
  const early = await untilLate(text, c.req.raw.signal, Math.min(heartbeatMs, HEADERS_AFTER_MS));
  if (early === "left") {
    onLeave();
    return c.body(null);
  }
  if (early !== null) return c.body(early.text);
  // JSON may begin with white space, so a line break keeps the connection without changing the answer.
  return c.body(toKeptAliveStream(onlyOf(text), "\n", { heartbeatMs, onLeave }));
}

/** @returns null when it takes longer than that */
function untilLate(
  text: Promise<string>,
  client: AbortSignal,
  limitMs: number,
): Promise<{ readonly text: string } | "left" | null> {
  return new Promise((resolve) => {
    const settle = (value: { readonly text: string } | "left" | null) => {
      clearTimeout(late);
      client.removeEventListener("abort", leave);
      resolve(value);
    };
    const leave = () => settle("left");
    const late = setTimeout(settle, limitMs, null);
    client.addEventListener("abort", leave);
    if (client.aborted) leave();
    void text.then((it) => settle({ text: it }));
  });
}

async function* onlyOf(text: Promise<string>) {
  yield await text;
}
