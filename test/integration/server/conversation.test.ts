import { expect, test } from "vitest";
import { testServer } from "../../support/server.ts";

test("the official client creates a thread, streams tokens, and finds the conversation in the state", async () => {
  const { client } = await testServer();
  const thread = await client.threads.create();

  const events = await Array.fromAsync(
    client.runs.stream(thread.thread_id, "agent", {
      input: { messages: [{ role: "user", content: "one two three" }] },
      streamMode: ["values", "messages-tuple"],
    }),
  );

  const tokens = events
    .filter(({ event }) => event === "messages")
    .map(({ data }) => (data as [{ content: string }])[0].content);
  expect(tokens).toEqual(["You ", "said: ", "one ", "two ", "three"]);
  expect(events[0]).toMatchObject({ event: "metadata", data: { attempt: 1 } });
  expect(events.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });

  const state = await client.threads.getState<{ messages: { type: string; content: string }[] }>(
    thread.thread_id,
  );
  expect(state.values.messages.map(({ type, content }) => [type, content])).toEqual([
    ["human", "one two three"],
    ["ai", "You said: one two three"],
  ]);
  expect(await client.threads.get(thread.thread_id)).toMatchObject({
    status: "idle",
    metadata: { graph_id: "agent" },
  });
});

test("wait answers with the values, a second turn goes on with the first", async () => {
  const { client } = await testServer();
  const thread = await client.threads.create();
  const say = (content: string) =>
    client.runs.wait(thread.thread_id, "agent", { input: { messages: [{ role: "user", content }] } });

  await say("first");
  const values = (await say("second")) as { messages: { content: string }[] };
  expect(values.messages.map(({ content }) => content)).toEqual([
    "first",
    "You said: first",
    "second",
    "You said: second",
  ]);
});
