import type { TestProject } from "vitest/node";
import { startTestRedis } from "./redis-server.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** A Redis through which servers tell each other events; without it they do so through the database. */
    redisUrl?: string;
  }
}

/** Gives all servers of the test run one Redis. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const redis = await startTestRedis();
  project.provide("redisUrl", redis.url);
  return async () => await redis[Symbol.asyncDispose]();
}
