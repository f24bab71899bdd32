import "./support/browser.ts";
import { useStream } from "@langchain/langgraph-sdk/react";
import { renderHook } from "@testing-library/react";
import { expect, inject, onTestFinished, test, vi } from "vitest";
import type { graph as deep } from "./graphs/deep.ts";
import { input, newThread, textsOf } from "./support/messages.ts";
import { connect } from "./support/sdks.ts";

const eventually = (check: () => void): Promise<void> => vi.waitFor(check, { timeout: 10_000, interval: 10 });

/** The names of the events of a run whose subgraphs are streamed, by whose they are. */
async function namesByNamespace(assistantId: string) {
  const stream = connect().runs.stream(null, assistantId, {
    input: input("cheese"),
    streamMode: ["updates", "messages-tuple"],
    streamSubgraphs: true,
  });
  return (await Array.fromAsync(stream)).map(({ event }) => String(event));
}

test("an agent of createAgent hands its question to a subagent", async () => {
  const threadId = await newThread(connect());
  const values = await connect().runs.wait(threadId, "supervisor", { input: input("cheese") });
  expect(textsOf(values)).toEqual(["cheese", "", "I looked up cheese.", "Found: I looked up cheese."]);

  const names = await namesByNamespace("supervisor");
  expect(names).toContainEqual(expect.stringMatching(/^updates\|tools:[0-9a-f-]+$/));
  expect(names).toContainEqual(expect.stringMatching(/^messages\|tools:[0-9a-f-]+$/));
});

test("a deep agent hands its question to a subagent, and writes a file", async () => {
  const threadId = await newThread(connect());
  const values = await connect().runs.wait(threadId, "deep", { input: input("cheese") });
  expect(textsOf(values).at(-1)).toBe("The answer is in /answer.md.");
  expect(values).toMatchObject({ files: { "/answer.md": { content: expect.anything() } } });
  expect(JSON.stringify((values as { files: object }).files)).toContain("I looked up cheese.");

  const names = await namesByNamespace("deep");
  expect(names).toContainEqual(expect.stringMatching(/^messages\|tools:[0-9a-f-]+$/));
});

test("a page shows the subagents of a deep agent, while they work and after it was loaded again", async () => {
  const threadId = await newThread(connect());
  const mount = () => {
    const hook = renderHook(() =>
      useStream<typeof deep>({
        assistantId: "deep",
        apiUrl: inject("conformanceServerUrl"),
        threadId,
        filterSubagentMessages: true,
        fetchStateHistory: true,
      }),
    );
    onTestFinished(() => hook.unmount());
    return hook.result;
  };
  const shown = (page: ReturnType<typeof mount>) =>
    [...page.current.subagents.values()].map(({ status, result, toolCall, messages }) => ({
      status,
      result,
      type: toolCall.args["subagent_type"],
      texts: textsOf({ messages }),
    }));
  const expected = [
    {
      status: "complete",
      result: "I looked up cheese.",
      type: "researcher",
      texts: expect.arrayContaining(["I looked up cheese."]),
    },
  ];

  const page = mount();
  expect(page.current.subagents.size).toBe(0);
  await page.current.submit(input("cheese"), { streamSubgraphs: true });
  await eventually(() => expect(shown(page)).toEqual(expected));
  // The tool's result is the subagent's text; its own messages are left out as asked.
  expect(page.current.messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "ai", "tool", "ai"]);

  const reloaded = mount();
  await eventually(() => expect(shown(reloaded)).toEqual(expected));
});
