import { expect, test } from "vitest";
import { testServer } from "../../support/server.ts";

test("a run whose state cannot be read afterwards ends as an error, with the reason, and frees its thread", async () => {
  const { client } = await testServer({ graphs: { agent: "unreadable.ts:graph" } });
  const { thread_id } = await client.threads.create();

  const values = await client.runs.wait(thread_id, "agent", { input: { messages: [] }, raiseError: false });

  const failure = { error: "GraphError", message: expect.stringContaining("no graph for readers") };
  expect(values).toEqual({ __error__: failure });
  expect(await client.runs.list(thread_id)).toMatchObject([{ status: "error" }]);
  expect(await client.threads.get(thread_id)).toMatchObject({ status: "error", error: failure });
});
