import { inject } from "vitest";

/** Environment variables for servers on one database: in the project `redis`, a part of its Redis; else none. */
export function redisVariables(databaseUrl: string): Record<string, string> {
  const redisUrl = inject("redisUrl");
  if (redisUrl === undefined) return {};
  return { REDIS_URL: redisUrl, REDIS_KEY_PREFIX: `${new URL(databaseUrl).pathname.slice(1)}:` };
}
