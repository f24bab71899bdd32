import { once } from "node:events";
import { describe, expect, inject, test } from "vitest";
import { cuttableProxy } from "./support/cuttable-proxy.ts";
import { createGate, input, newThread, textsOf } from "./support/messages.ts";
import { SDKS } from "./support/sdks.ts";

interface Part {
  readonly id?: string;
  readonly event: string;
  readonly data: unknown;
}

const ANSWER = ["You ", "said: ", "hello"];

/** The tokens of a stream in `messages-tuple`. */
const tokensOf = (parts: readonly Part[]) =>
  parts
    .filter(({ event }) => event === "messages")
    .map(({ data }) => (data as [{ content: string }])[0].content);

const namesOf = (parts: readonly Part[]) => [...new Set(parts.map(({ event }) => event))];

describe.each(SDKS)("streams with $name", ({ connect, lacks }) => {
  const client = connect;
  const collect = async (stream: AsyncIterable<unknown>) => (await Array.fromAsync(stream)) as Part[];

  test.each([
    ["values", "values"],
    ["updates", "updates"],
    ["messages-tuple", "messages"],
    ["custom", "custom"],
    ["debug", "debug"],
    ["tasks", "tasks"],
    ["checkpoints", "checkpoints"],
    ["events", "events"],
  ] as const)("in mode %s carry events named %s, and nothing else", async (mode, event) => {
    const stream = client().runs.stream(null, "agent", { input: input("hello"), streamMode: [mode] });
    expect(namesOf(await collect(stream))).toEqual(["metadata", event, "end"]);
  });

  test("carry several modes at once", async () => {
    const threadId = await newThread(client());
    const streamMode = ["values", "updates", "messages-tuple", "custom"] as const;
    const parts = await collect(
      client().runs.stream(threadId, "agent", { input: input("hello"), streamMode: [...streamMode] }),
    );
    expect(parts[0]).toMatchObject({ event: "metadata", data: { run_id: expect.any(String) } });
    expect(tokensOf(parts)).toEqual(ANSWER);
    expect(parts.find(({ event }) => event === "custom")?.data).toEqual({ progress: "thinking" });
    expect(parts.find(({ event }) => event === "updates")?.data).toMatchObject({
      model: { messages: [{ type: "ai", content: "You said: hello" }] },
    });
    expect(textsOf(parts.findLast(({ event }) => event === "values")?.data)).toEqual([
      "hello",
      "You said: hello",
    ]);
  });

  test("in mode messages carry a message that grows, and then the whole", async () => {
    const parts = await collect(
      client().runs.stream(null, "agent", { input: input("hello"), streamMode: "messages" }),
    );
    expect(namesOf(parts)).toEqual(expect.arrayContaining(["messages/metadata", "messages/partial"]));
    const grown = parts
      .filter(({ event }) => event === "messages/partial")
      .map(({ data }) => (data as [{ content: string }])[0].content);
    expect(grown.slice(0, 3)).toEqual(["You ", "You said: ", "You said: hello"]);
  });

  test("without a mode carry values", async () => {
    const parts = await collect(
      client().runs.stream(null, "agent", { input: input("hello"), streamMode: [] }),
    );
    expect(namesOf(parts)).toEqual(["metadata", "values", "end"]);
  });

  test("carry what happens in subgraphs when asked to", async () => {
    const run = (streamSubgraphs: boolean) =>
      collect(
        client().runs.stream(null, "nested", {
          input: input("hello"),
          streamMode: "updates",
          streamSubgraphs,
        }),
      );
    expect(namesOf(await run(false))).toEqual(["metadata", "updates", "end"]);
    expect(namesOf(await run(true))).toEqual([
      "metadata",
      "updates",
      expect.stringMatching(/^updates\|child:[0-9a-f-]+$/),
      "end",
    ]);
  });

  test.skipIf(lacks.includes("runs.stream streamNamespaces"))(
    "carry only what happens in the namespaces that are asked for",
    async () => {
      const stream = client().runs.stream(null, "nested", {
        input: input("hello"),
        streamMode: "updates",
        streamSubgraphs: true,
        streamNamespaces: ["child"],
      });
      expect(namesOf(await collect(stream))).toEqual([
        "metadata",
        expect.stringMatching(/^updates\|child:[0-9a-f-]+$/),
        "end",
      ]);
    },
  );

  test("tell which run they are about before it has ended", async () => {
    const gate = createGate();
    const threadId = await newThread(client());
    const created: unknown[] = [];
    const stream = client().runs.stream(threadId, "agent", {
      input: input(gate.words),
      onRunCreated: (run) => created.push(run),
    });
    const { value } = await stream.next();
    const [run] = await client().runs.list(threadId);
    expect(value).toMatchObject({ event: "metadata", data: { run_id: run?.run_id } });
    expect(created).toEqual([{ thread_id: threadId, run_id: run?.run_id }]);
    await gate.open();
    await collect(stream);
  });

  test("show an interrupt, and a failure", async () => {
    const asks = await collect(
      client().runs.stream(null, "questions", { input: input("x"), streamMode: ["values", "updates"] }),
    );
    const interrupts = asks.filter(({ data }) => (data as { __interrupt__?: unknown } | null)?.__interrupt__);
    expect(interrupts.map(({ event }) => event)).toEqual(["updates", "values"]);
    const fails = await collect(client().runs.stream(null, "failing", { input: input("x") }));
    expect(fails.at(-1)).toMatchObject({
      event: "error",
      data: { error: "TypeError", message: "the graph failed" },
    });
  });

  test("are joined later, from the start or from an event on, as often as wanted", async () => {
    const gate = createGate();
    const threadId = await newThread(client());
    const { run_id } = await client().runs.create(threadId, "agent", {
      input: input(gate.words),
      streamMode: ["messages-tuple", "values"],
      streamResumable: true,
    });
    await gate.open();
    await client().runs.join(threadId, run_id);
    const from = (lastEventId: string) =>
      collect(client().runs.joinStream(threadId, run_id, { lastEventId }));
    const all = await from("-1");
    expect(tokensOf(all).join("")).toBe(`You said: ${gate.words}`);
    expect(await from("-1")).toEqual(all);
    const middle = all[3];
    expect(await from(middle?.id ?? "")).toEqual(all.slice(4));
    const modes = ["values"] as const;
    const part = await collect(
      client().runs.joinStream(threadId, run_id, { lastEventId: "-1", streamMode: [...modes] }),
    );
    expect(part.filter(({ event }) => event === "messages")).toEqual([]);
    expect(part.filter(({ event }) => event === "values")).toHaveLength(2);
  });

  test("go on by themselves when the connection breaks, without losing or repeating anything", async () => {
    const proxy = await cuttableProxy(inject("conformanceServerUrl"));
    const gate = createGate();
    const threadId = await newThread(client());
    const parts: Part[] = [];
    const stream = connect(proxy.url).runs.stream(threadId, "agent", {
      input: input(gate.words),
      streamMode: ["messages-tuple"],
    });
    for await (const part of stream) {
      parts.push(part as Part);
      if (tokensOf(parts).at(-1) === "before ") {
        const again = once(proxy.server, "connection");
        proxy.cut();
        void again.then(gate.open);
      }
    }
    expect(tokensOf(parts).join("")).toBe(`You said: ${gate.words}`);
    expect(new Set(parts.map(({ id }) => id)).size).toBe(parts.length);
    expect(parts.at(-1)?.event).toBe("end");
  });

  test("whose client leaves cancel the run if that is asked for", async () => {
    const gate = createGate();
    const threadId = await newThread(client());
    const left = new AbortController();
    const stream = client().runs.stream(threadId, "agent", {
      input: input(gate.words),
      onDisconnect: "cancel",
      signal: left.signal,
    });
    await stream.next();
    left.abort();
    await stream.return(undefined);
    const [run] = await client().runs.list(threadId);
    await client().runs.join(threadId, run?.run_id ?? "");
    expect(await client().runs.list(threadId)).toMatchObject([{ status: "interrupted" }]);
  });
});
