import { expect, test } from "vitest";
import { testDatabaseUrl } from "../../support/database.ts";
import { serverProcess } from "../../support/server-process.ts";

const HI = { messages: [{ role: "user", content: "hi" }] };

test("a server in a process of its own loads every kind of module, and loses no token", async () => {
  const { client } = await serverProcess(await testDatabaseUrl(), { N_JOBS_PER_WORKER: "64" });

  const answerOf = async (graph: string) => {
    const { messages } = (await client.runs.wait(null, graph, { input: HI })) as {
      messages: { content: string }[];
    };
    return messages.at(-1)?.content;
  };
  expect(await Promise.all(["aliased", "mjs", "js", "mts", "tsx"].map(answerOf))).toEqual([
    "from an alias",
    "from .mjs",
    "from .js",
    "from .mts",
    "from .tsx",
  ]);

  // The process has no LANGCHAIN_CALLBACKS_BACKGROUND but what the server sets itself.
  const countTokens = async () => {
    const events = client.runs.stream(null, "tokens", { input: HI, streamMode: "messages-tuple" });
    return (await Array.fromAsync(events)).filter(({ event }) => event === "messages").length;
  };
  expect(await Promise.all(Array.from({ length: 64 }, countTokens))).toEqual(Array(64).fill(100));
});
