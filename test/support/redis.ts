import { beforeAll, beforeEach } from "vitest";
import { openRedis, type Redis, type RedisOptions } from "../../src/server/bus/redis.ts";
import { startTestRedis, type TestRedis } from "./redis-server.ts";

/** One opened Redis for all tests of a file, each of which finds it empty. */
export function sharedRedis(): () => { readonly server: TestRedis; readonly client: Redis } {
  let shared: { readonly server: TestRedis; readonly client: Redis } | null = null;
  beforeAll(async () => {
    const server = await startTestRedis();
    const client = await openTestRedis(server.url);
    shared = { server, client };
    return async () => {
      await client[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    };
  });
  beforeEach(async () => void (await shared?.server.command("flushall")));
  return () => {
    if (shared === null) throw new Error("the shared Redis is there once tests run");
    return shared;
  };
}

/** Opened as a server does. */
export const openTestRedis = (url: string, options: Partial<RedisOptions> = {}) =>
  openRedis({ url, keyPrefix: "aegra:", onAway: () => undefined, onBack: () => undefined, ...options });
