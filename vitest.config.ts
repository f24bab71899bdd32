import { defineConfig } from "vitest/config";

/** Integration tests that are run once more, with servers that have a Redis. */
const EVENTS_ACROSS_SERVERS =
  "test/integration/server/{slow-reader,streaming-joins,thread-stream,thread-stream-resume,two-servers}.test.ts";

export default defineConfig({
  test: {
    // Much of the time a test waits for Postgres or a process, so two workers pay off even on two cores, of
    // which vitest would leave one idle.
    maxWorkers: 2,
    // LangChain reads it when it is loaded; see src/server/main.ts for why it must be off.
    env: { LANGCHAIN_CALLBACKS_BACKGROUND: "false" },
    projects: [
      { extends: true, test: { name: "unit", include: ["test/unit/**/*.test.ts"] } },
      {
        extends: true,
        test: {
          name: "integration",
          include: ["test/integration/**/*.test.ts"],
          globalSetup: "test/support/global-postgres.ts",
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "redis",
          include: [EVENTS_ACROSS_SERVERS],
          globalSetup: ["test/support/global-postgres.ts", "test/support/global-redis.ts"],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: ["test/e2e/docker/**"],
          globalSetup: ["test/support/global-postgres.ts", "test/support/global-package.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: "docker",
          include: ["test/e2e/docker/*.test.ts"],
          globalSetup: ["test/support/global-postgres.ts", "test/support/global-package.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        test: {
          name: "conformance",
          include: ["test/conformance/*.test.ts"],
          globalSetup: [
            "test/support/global-postgres.ts",
            "test/support/global-package.ts",
            "test/support/global-conformance.ts",
          ],
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
