import type { FeedbackUrls } from "../../domain/run.ts";

/**
 * Gets addresses at which anyone who has them can leave feedback on a run, one for each key. Never throws: what goes
 * wrong is logged, since a run is not worth less without them.
 *
 * @returns null when there are none to be had
 */
export type RequestFeedbackUrls = (
  runId: string,
  keys: readonly string[],
  signal: AbortSignal,
) => Promise<FeedbackUrls | null>;
