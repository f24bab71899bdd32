import type { Client } from "@langchain/langgraph-sdk";
import { describe, expect, test } from "vitest";
import { type PackagedProject, packagedProject } from "../support/packaged-project.ts";

interface Values {
  readonly messages: readonly { readonly type: string; readonly content: string }[];
}

/** What each template does when it is told so; everything else is the same for both. */
const TEMPLATES = [
  {
    template: "chatbot",
    hello: "Hello, I am Ada",
    answer: /You said "Hello, I am Ada"/,
    ask: "Send my regards to Grace",
    approved: /You said "Send my regards to Grace"/,
  },
  {
    template: "react-agent",
    hello: "What is 2 + 3?",
    answer: /calculator says: 2 \+ 3 = 5/,
    ask: "Write to ada@example.com",
    approved: /Sent to ada@example\.com/,
  },
] as const;

describe.each(TEMPLATES)("a project made from $template", ({ template, hello, answer, ask, approved }) => {
  test("answers, asks, remembers, forks, and goes on after its server was killed", async () => {
    const project = await packagedProject(template);
    const first = await project.dev();
    const { client } = first;
    const { thread_id } = await client.threads.create();

    const tokens = await streamTokens(client, thread_id, hello);
    expect(tokens.length).toBeGreaterThan(5);
    expect(tokens.join("")).toMatch(answer);

    const waited = await say(client, thread_id, ask);
    expect(waited).toMatchObject({
      __interrupt__: [{ value: { question: expect.stringContaining("yes/no") } }],
    });
    expect((await client.threads.get(thread_id)).status).toBe("interrupted");

    const resumed = await wait(client, thread_id, { command: { resume: "yes" } });
    expect(resumed.messages.at(-1)?.content).toMatch(approved);
    expect((await client.threads.get(thread_id)).status).toBe("idle");

    const history = await client.threads.getHistory<Values>(thread_id, { limit: 100 });
    const begin = history.findLast(({ values }) => values.messages.length > 1 && isAnswered(values));
    expect(begin, "a state after the first answer").toBeDefined();
    const fork = await wait(client, thread_id, {
      input: { messages: [{ role: "user", content: "Another way" }] },
      checkpointId: begin?.checkpoint.checkpoint_id ?? "",
    });
    expect(fork.messages.map(({ content }) => content)).toContain(hello);
    expect(fork.messages.map(({ content }) => content)).not.toContain(ask);

    await first.kill();
    await goesOn(project, thread_id, fork.messages.length);
  });
});

/** A new server on the same folder knows the thread, and stops cleanly. */
async function goesOn(project: PackagedProject, threadId: string, messages: number): Promise<void> {
  const second = await project.dev();
  const before = await second.client.threads.getState<Values>(threadId);
  expect(before.values.messages).toHaveLength(messages);
  const after = await say(second.client, threadId, "Still there?");
  expect(after.messages.length).toBeGreaterThan(messages);
  expect(await second.stop()).toBe(0);
}

const say = (client: Client, threadId: string, content: string): Promise<Values> =>
  wait(client, threadId, { input: { messages: [{ role: "user", content }] } });

const wait = async (
  client: Client,
  threadId: string,
  request: Parameters<Client["runs"]["wait"]>[2],
): Promise<Values> => (await client.runs.wait(threadId, "agent", request)) as unknown as Values;

async function streamTokens(client: Client, threadId: string, content: string): Promise<string[]> {
  const tokens: string[] = [];
  const stream = client.runs.stream(threadId, "agent", {
    input: { messages: [{ role: "user", content }] },
    streamMode: ["messages-tuple"],
  });
  for await (const { event, data } of stream) {
    if (event !== "messages") continue;
    const [{ content: token }] = data as unknown as [{ content: unknown }];
    if (typeof token === "string" && token !== "") tokens.push(token);
  }
  return tokens;
}

const isAnswered = ({ messages }: Values): boolean => messages.at(-1)?.type === "ai";
