import type { Logger } from "pino";
import type { Environment } from "../config/environment.ts";
import { openRedis, type Redis } from "./bus/redis.ts";
import type { ClosingStack } from "./closing-stack.ts";

/**
 * Opens the Redis in which servers find each other's events. A server starts, answers and executes runs without it:
 * only what another server has to tell comes late, or not at all.
 *
 * @returns null when there is none, and the events go through the database
 */
export async function openEventRedis(
  started: ClosingStack,
  { environment, log }: { readonly environment: Environment; readonly log: Logger },
): Promise<Redis | null> {
  const { redisUrl, redisKeyPrefix } = environment;
  if (redisUrl === null) return null;
  return started.use(
    await openRedis({
      url: redisUrl,
      keyPrefix: redisKeyPrefix,
      onAway: (error) =>
        log.warn({ err: error }, "Redis cannot be reached: events of runs wait, to be told elsewhere"),
      onBack: () => log.info("Redis is back"),
    }),
  );
}
