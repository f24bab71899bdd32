import { readdir } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { defaultAssistantId } from "../../../src/server/domain/assistant.ts";
import { STREAM_MODES } from "../../../src/server/domain/run.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { toTranscript } from "../../support/transcript.ts";
import { type Frame, namesOf, parseFrames, post } from "../../support/wire.ts";

/**
 * Whole streams as they are on the wire, compared with those in this folder. `vitest run -u` writes them anew;
 * look at every difference, since clients see it too.
 */
const TRANSCRIPTS = path.resolve(import.meta.dirname, "../../fixtures/transcripts");

const server = sharedServer({
  graphs: {
    expedition: "expedition.ts:graph",
    tools: "tools.ts:graph",
    mounted: "nested.ts:mounted",
    questions: "questions.ts:twice",
    breakpoint: "steps.ts:breakpoint",
    failing: "failing.ts:graph",
  },
});

interface Conversation {
  readonly graph: string;
  /** The bodies of its runs, one after the other on one thread. */
  readonly runs: readonly object[];
}

const HI = { messages: [{ role: "user", content: "How is the weather in Bern?" }] };
const resume = (answer: string) => ({ command: { resume: answer } });

const modes = Object.fromEntries(
  STREAM_MODES.flatMap((stream_mode) => [
    [stream_mode, { graph: "expedition", runs: [{ input: HI, stream_mode }] }],
    [
      `${stream_mode}-subgraphs`,
      { graph: "expedition", runs: [{ input: HI, stream_mode, stream_subgraphs: true }] },
    ],
  ]),
);

const conversations: Readonly<Record<string, Conversation>> = {
  ...modes,
  "several-modes": {
    graph: "expedition",
    runs: [{ input: HI, stream_mode: ["values", "updates", "messages-tuple", "custom", "tools"] }],
  },
  "tool-calls": {
    graph: "tools",
    runs: [{ input: HI, stream_mode: ["messages-tuple", "updates", "tools"] }],
  },
  "no-modes": { graph: "expedition", runs: [{ input: HI, stream_mode: [] }] },
  interrupt: {
    graph: "questions",
    runs: [{ input: HI }, resume("Ada"), resume("36")].map((run) => ({
      ...run,
      stream_mode: ["values", "updates", "custom", "tasks"],
    })),
  },
  "interrupt-default-mode": { graph: "questions", runs: [{ input: HI }] },
  "interrupt-subgraphs": {
    graph: "mounted",
    runs: [{ input: { order: "ask" } }, resume("yes")].map((run) => ({
      ...run,
      stream_mode: ["values", "updates", "custom", "lifecycle"],
      stream_subgraphs: true,
    })),
  },
  breakpoint: {
    graph: "breakpoint",
    runs: [{ input: HI }, { input: null }].map((run) => ({ ...run, stream_mode: ["values", "updates"] })),
  },
  error: {
    graph: "failing",
    runs: [{ input: HI, stream_mode: ["values", "updates", "tasks", "debug"] }],
  },
  "error-subgraphs": {
    graph: "mounted",
    runs: [
      {
        input: { order: "fail" },
        stream_mode: ["values", "updates", "tasks", "lifecycle"],
        stream_subgraphs: true,
      },
    ],
  },
};

async function converse({ graph, runs }: Conversation) {
  const { thread_id } = await server.client.threads.create();
  const streams: Frame[][] = [];
  for (const run of runs) {
    const url = `${server.url}/threads/${thread_id}/runs/stream`;
    const response = await post(url, { assistant_id: graph, ...run });
    expect(response.status).toBe(200);
    streams.push(parseFrames(await response.text()));
  }
  return { streams, names: { thread: thread_id, assistant: defaultAssistantId(graph) } };
}

/** What holds for every stream, whatever the graph does. */
function expectOrder(frames: readonly Frame[]): void {
  const names = namesOf(frames);
  expect(names[0]).toBe("metadata");
  expect(names.at(-1)).toMatch(/^(end|error)$/);
  expect(names.filter((name) => /^(metadata|end|error)$/.test(name))).toHaveLength(2);
  for (const name of names) expect(name).toMatch(/^[a-z]+(\/[a-z]+)?(\|[\w-]+:[0-9a-f-]{36})*$/);
  const ids = frames.map(({ id }) => Number(id));
  expect(ids).toEqual(ids.toSorted((a, b) => a - b));
  expect(new Set(ids).size).toBe(ids.length);
}

test.each(Object.entries(conversations))("%s is streamed as it was before", async (name, conversation) => {
  const { streams, names } = await converse(conversation);
  for (const frames of streams) expectOrder(frames);
  await expect(toTranscript(streams, names)).toMatchFileSnapshot(path.join(TRANSCRIPTS, `${name}.txt`));
});

test("no transcript is left of a stream that is not compared with it", async () => {
  const compared = Object.keys(conversations).map((name) => `${name}.txt`);
  expect((await readdir(TRANSCRIPTS)).filter((file) => !compared.includes(file))).toEqual([]);
});

describe("a stream that is interrupted", () => {
  test("tells the question as the update, and then with the values, at its very end", async () => {
    const { streams } = await converse(conversations["interrupt"] as Conversation);
    const [asked] = streams;
    const last = (asked ?? []).filter(({ event }) => event !== "tasks").slice(-3);
    const question = {
      __interrupt__: [{ id: expect.stringMatching(/^[0-9a-f]{32}$/), value: { question: "name?" } }],
    };
    expect(last).toMatchObject([
      { event: "updates", data: question },
      { event: "values", data: question },
      { event: "end" },
    ]);
  });
});

test("without subgraphs, nothing but their lifecycle carries a namespace", async () => {
  const { streams } = await converse({
    graph: "expedition",
    runs: [{ input: HI, stream_mode: STREAM_MODES }],
  });
  const below = namesOf(streams.flat()).filter((name) => name.includes("|"));
  expect(below.length).toBeGreaterThan(0);
  for (const name of below) expect(name).toMatch(/^lifecycle\|agent:/);
});
