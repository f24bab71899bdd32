import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { answerOf, importGraph, questionOf, startConversation } from "../../support/graph-conversation.ts";
import { withTemplate } from "../../support/scaffold.ts";

const load = (template: string) =>
  withTemplate(template, (directory) => importGraph(join(directory, "src", "agent.ts")));

// Before anything is loaded, and for the whole file: some graphs choose their model when they are imported.
for (const key of ["ANTHROPIC_API_KEY", "OPENAI_API_KEY"]) vi.stubEnv(key, "");

describe("chatbot without a key", async () => {
  const graph = await load("chatbot");

  test("answers, says what it is, and remembers the conversation", async () => {
    const chat = startConversation(graph);

    expect(answerOf(await chat.say("I am Ada"))).toMatch(/message 1 of our conversation.*ANTHROPIC_API_KEY/);
    expect(answerOf(await chat.say("Who am I?"))).toMatch(/message 2 .*began with "I am Ada"/);
  });

  test("streams its answer word by word", async () => {
    const pieces = await startConversation(graph).stream("hello");

    expect(pieces.length).toBeGreaterThan(10);
    expect(pieces.join("")).toContain('You said "hello".');
  });

  test("asks before it sends, and goes on after a yes", async () => {
    const chat = startConversation(graph);

    expect(questionOf(await chat.say("Send my regards"))).toContain("Send my regards");
    expect(answerOf(await chat.resume("yes"))).toContain("message 1 of our conversation");
  });

  test("sends nothing without a yes", async () => {
    const chat = startConversation(graph);
    await chat.say("Send my regards");

    expect(answerOf(await chat.resume("no"))).toContain("sent nothing");
  });
});

describe("react-agent without a key", async () => {
  const graph = await load("react-agent");

  test.each([
    ["What is 2 + 3?", "2 + 3 = 5"],
    ["-1.5*4", "-1.5 * 4 = -6"],
    ["7 - 10", "7 - 10 = -3"],
  ])("%s goes through the calculator: %s", async (question, result) => {
    const { messages } = await startConversation(graph).say(question);

    expect(messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "ai"]);
    expect(messages.at(-1)?.text).toContain(result);
  });

  test("tells the time with its tool", async () => {
    const answer = answerOf(await startConversation(graph).say("What time is it?"));
    expect(answer).toContain(String(new Date().getUTCFullYear()));
  });

  test("asks before it sends an e-mail, and says what became of it", async () => {
    const yes = startConversation(graph);
    expect(questionOf(await yes.say("Write to ada@example.com"))).toContain("ada@example.com");
    expect(answerOf(await yes.resume("yes"))).toContain("Sent to ada@example.com.");

    const no = startConversation(graph);
    await no.say("Write to ada@example.com");
    expect(answerOf(await no.resume("no"))).toContain("nothing was sent");
  });

  test("says what it can do when it understands nothing", async () => {
    expect(answerOf(await startConversation(graph).say("hello"))).toContain("2 + 3");
  });
});
