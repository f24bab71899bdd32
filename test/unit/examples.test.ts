import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Command, MemorySaver } from "@langchain/langgraph";
import { expect, test } from "vitest";
import { graph as approval } from "../../examples/approval.ts";
import { graph as chatbot } from "../../examples/chatbot.ts";
import { graph as reactAgent } from "../../examples/react-agent.ts";
import { graph as subgraph } from "../../examples/subgraph.ts";
import { answerOf, startConversation } from "../support/graph-conversation.ts";
import { REPOSITORY } from "../support/scaffold.ts";

const read = (path: string) => readFile(join(REPOSITORY, path), "utf8");

test("every graph that aegra.json serves can be loaded", async () => {
  const { graphs } = JSON.parse(await read("aegra.json")) as { graphs: Record<string, { path: string }> };

  expect(Object.keys(graphs)).toEqual(["chatbot", "react-agent", "approval", "subgraph"]);
  for (const { path } of Object.values(graphs)) {
    const [file = "", name = ""] = path.split(/:(?=\w+$)/);
    const module = (await import(join(REPOSITORY, file))) as Record<string, unknown>;
    expect(module[name], path).toHaveProperty("invoke");
  }
});

test("the stand-in model of the examples is that of the templates", async () => {
  expect(await read("examples/local-model.ts")).toBe(await read("templates/common/src/local-model.ts"));
});

test("chatbot streams and remembers", async () => {
  const chat = startConversation(chatbot);

  expect((await chat.stream("hello")).length).toBeGreaterThan(5);
  expect(answerOf(await chat.say("again"))).toContain("message 2");
});

test("react-agent adds with its tool", async () => {
  const agent = startConversation(reactAgent);
  expect(answerOf(await agent.say("What is 20 + 22?"))).toBe("The sum is 42.");
});

test("subgraph reports what its inner graph found", async () => {
  const { messages } = await subgraph.invoke({ messages: [{ role: "user", content: "Tea" }] });
  expect(messages.at(-1)?.text).toBe("I found 2 things: Tea has a history, Tea has a future.");
});

test.each([
  [{ type: "approve" }, { status: "published", draft: "Everything about tea, in one sentence." }],
  [
    { type: "edit", draft: "Tea." },
    { status: "published", draft: "Tea." },
  ],
  [{ type: "reject" }, { status: "discarded" }],
])("approval waits for a person: %j", async (decision, outcome) => {
  approval.checkpointer = new MemorySaver();
  const thread = { configurable: { thread_id: "1" } };

  const paused = await approval.invoke({ topic: "tea" }, thread);
  expect(paused).toMatchObject({ __interrupt__: [{ value: { question: "Publish this?" } }] });
  expect(await approval.invoke(new Command({ resume: decision }), thread)).toMatchObject(outcome);
});
