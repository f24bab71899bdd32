import type { Logger } from "pino";
import type { Environment } from "../config/environment.ts";
import type { RequestFeedbackUrls } from "./services/runs/feedback-urls.ts";

/** How long LangSmith may take before a run goes without its feedback links. */
const TIMEOUT_MS = 5000;

/** For how long a link takes feedback, as LangSmith's own clients ask for it. */
const EXPIRES_IN = { hours: 3 };

/** @returns null without a key for LangSmith */
export function createFeedbackRequests(
  { langsmithApiKey, langsmithEndpoint }: Pick<Environment, "langsmithApiKey" | "langsmithEndpoint">,
  log: Logger,
): RequestFeedbackUrls | null {
  if (langsmithApiKey === null) return null;

  const requestUrl = async (run_id: string, feedback_key: string, signal: AbortSignal): Promise<string> => {
    const response = await fetch(`${langsmithEndpoint.replace(/\/+$/, "")}/feedback/tokens`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-api-key": langsmithApiKey },
      body: JSON.stringify({ run_id, feedback_key, expires_in: EXPIRES_IN }),
      // A redirect to somewhere else would be given the key.
      redirect: "error",
      signal,
    });
    if (!response.ok) throw new Error(`LangSmith answered ${response.status}`);
    const { url } = (await response.json()) as { url?: unknown };
    if (typeof url !== "string") throw new Error("LangSmith answered without a url");
    return url;
  };

  return async (runId, keys, signal) => {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      const urls = await Promise.all(keys.map((key) => requestUrl(runId, key, limit)));
      return Object.fromEntries(keys.map((key, index) => [key, urls[index] ?? ""]));
    } catch (error) {
      // Of a run that was stopped, nobody waits for them.
      if (signal.aborted) return null;
      log.warn({ err: error, run_id: runId }, "a run goes without its feedback links");
      return null;
    }
  };
}
