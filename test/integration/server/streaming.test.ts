import { describe, expect, test } from "vitest";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, type Frame, namesOf, post, runIdOf, streamFrames } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    agent: "chat.ts:graph",
    steps: "steps.ts:graph",
    nested: "nested.ts:graph",
    mounted: "nested.ts:mounted",
    tools: "tools.ts:graph",
    react: "tools.ts:agent",
    delegating: "tools.ts:delegating",
    failing: "failing.ts:graph",
    memory: "memory.ts:graph",
    odd: "odd-values.ts:graph",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

const stream = (assistant_id: string, body: object = {}) =>
  streamFrames(`${server.url}/runs/stream`, { assistant_id, input: HI, ...body });

const withoutNamespace = (frames: readonly Frame[]) =>
  frames.map(({ event }) => event.replaceAll(/:[0-9a-f-]{36}/g, ":…"));

describe("stream modes", () => {
  test("values: the state before the first step and after each", async () => {
    const frames = await stream("steps", { stream_mode: "values" });
    expect(namesOf(frames)).toEqual(["metadata", "values", "values", "values", "values", "end"]);
    expect(dataOf(frames, "values").map((values) => (values as { items: string[] }).items)).toEqual([
      [],
      ["a"],
      ["a", "b"],
      ["a", "b", "c"],
    ]);
    expect(dataOf(frames, "values")[0]).toMatchObject({
      messages: [{ type: "human", content: "hi", id: expect.any(String), additional_kwargs: {} }],
    });
  });

  test.each([[[]], [undefined], [null], ["values"], [["values"]], [["values", "values"]]])(
    "%j means values",
    async (stream_mode) => {
      const frames = await stream("steps", { stream_mode });
      expect(namesOf(frames)).toEqual(["metadata", "values", "values", "values", "values", "end"]);
    },
  );

  test("updates: what each node returned, by its name", async () => {
    const frames = await stream("steps", { stream_mode: "updates" });
    expect(dataOf(frames, "updates")).toEqual([
      { a: { items: ["a"] } },
      { b: { items: ["b"] } },
      { c: { items: ["c"] } },
    ]);
  });

  test.each(["async", "sync", "exit"])(
    "updates: with durability %s, a message has the id that it has in the state",
    async (durability) => {
      const frames = await stream("agent", { stream_mode: ["updates", "values"], durability });
      type Messages = { readonly messages: readonly { readonly id?: string }[] };
      const [update] = dataOf(frames, "updates") as [Record<string, Messages>];
      const state = dataOf(frames, "values").at(-1) as Messages;
      const [told] = Object.values(update).flatMap(({ messages }) => messages);
      expect(told?.id).toEqual(expect.any(String));
      expect(state.messages.at(-1)?.id).toBe(told?.id);
    },
  );

  test("messages-tuple: each token with where it comes from", async () => {
    const frames = await stream("agent", { stream_mode: "messages-tuple" });
    expect(new Set(namesOf(frames))).toEqual(new Set(["metadata", "messages", "end"]));
    const tokens = dataOf(frames, "messages") as [{ content: string; id: string }, object][];
    expect(tokens.map(([{ content }]) => content)).toEqual(["You ", "said: ", "hi"]);
    expect(new Set(tokens.map(([{ id }]) => id)).size).toBe(1);
    expect(tokens[0]).toEqual([
      expect.objectContaining({ type: "ai", tool_calls: [], tool_call_chunks: [], response_metadata: {} }),
      expect.objectContaining({
        graph_id: "agent",
        created_by: "system",
        run_attempt: 1,
        langgraph_node: "chat",
        langgraph_step: 1,
        langgraph_host: "self-hosted",
        langgraph_version: expect.stringMatching(/^\d+\.\d+\.\d+/),
        run_id: runIdOf(frames),
        thread_id: expect.any(String),
        checkpoint_ns: expect.stringMatching(/^chat:/),
        tags: [],
      }),
    ]);
  });

  test("messages: each message as far as it has come, its origin once, and whole at the end", async () => {
    const frames = await stream("agent", { stream_mode: "messages" });
    expect(namesOf(frames)).toEqual([
      "metadata",
      "messages/complete",
      "messages/metadata",
      "messages/partial",
      "messages/partial",
      "messages/partial",
      "messages/complete",
      "end",
    ]);
    const contents = (event: string) =>
      dataOf(frames, event).map((messages) =>
        (messages as { content: string }[]).map(({ content }) => content),
      );
    expect(contents("messages/partial")).toEqual([["You "], ["You said: "], ["You said: hi"]]);
    expect(contents("messages/complete")).toEqual([["hi"], ["You said: hi"]]);
    const [[answer]] = dataOf(frames, "messages/partial") as [[{ id: string }]];
    expect(dataOf(frames, "messages/metadata")).toEqual([
      { [answer.id]: { metadata: expect.objectContaining({ langgraph_node: "chat" }) } },
    ]);
  });

  test("messages and messages-tuple together are told apart by their events", async () => {
    const names = new Set(namesOf(await stream("agent", { stream_mode: ["messages", "messages-tuple"] })));
    expect(names).toEqual(
      new Set(["metadata", "messages", "messages/metadata", "messages/partial", "messages/complete", "end"]),
    );
  });

  test("custom: what nodes write, as JSON, whatever it was", async () => {
    expect(
      dataOf(await stream("memory", { stream_mode: "custom", input: { order: "x" } }), "custom"),
    ).toEqual([{ remembered: 1 }]);
    const [first, ...rest] = dataOf(
      await stream("odd", { stream_mode: "custom", input: { order: "" } }),
      "custom",
    );
    expect(first).toMatchObject({
      map: { a: 1, b: { c: 2 } },
      set: [1, 2],
      error: { error: "RangeError", message: "out of range" },
      circular: { name: "loop", self: "[Circular]" },
      big: "18446744073709551616",
      message: { type: "ai", content: "hello" },
    });
    expect(rest).toEqual([null, null, "7"]);
  });

  test("tasks: each step when it starts and when it ends", async () => {
    const frames = await stream("failing", { stream_mode: "tasks" });
    const tasks = dataOf(frames, "tasks") as Record<string, unknown>[];
    expect(tasks.map(({ name }) => name)).toEqual(["before", "before", "fail", "fail"]);
    const [started, ended, , failed] = tasks;
    expect(started).toMatchObject({ id: expect.any(String), triggers: ["branch:to:before"], interrupts: [] });
    expect(started?.["input"]).toMatchObject({ messages: [{ content: "hi" }] });
    expect(ended).toMatchObject({ id: started?.["id"], result: { items: ["before"] }, interrupts: [] });
    expect(failed).toMatchObject({ error: "kaboom", interrupts: [] });
  });

  test("checkpoints: each checkpoint as the protocol has it, without what is LangGraph's own", async () => {
    const frames = await stream("steps", { stream_mode: "checkpoints" });
    const checkpoints = dataOf(frames, "checkpoints") as Record<string, unknown>[];
    expect(checkpoints.map(({ next }) => next)).toEqual([["__start__"], ["a"], ["b"], ["c"], []]);
    for (const [index, item] of checkpoints.entries()) {
      expect(Object.keys(item).toSorted()).toEqual([
        "checkpoint",
        "config",
        "metadata",
        "next",
        "parent_checkpoint",
        "parent_config",
        "tasks",
        "values",
      ]);
      expect(item["parent_checkpoint"]).toEqual(checkpoints[index - 1]?.["checkpoint"] ?? null);
    }
    expect(checkpoints[1]).toMatchObject({
      checkpoint: { checkpoint_ns: "", checkpoint_id: expect.any(String), checkpoint_map: null },
      tasks: [{ name: "a", id: expect.any(String), interrupts: [] }],
      metadata: { source: "loop", step: 0 },
    });
    expect(JSON.stringify(checkpoints)).not.toMatch(/__pregel_(?!pull)|"callbacks"|"parentConfig"/);
  });

  test("debug: checkpoints and tasks with their step and time", async () => {
    const frames = await stream("steps", { stream_mode: "debug" });
    const items = dataOf(frames, "debug") as { type: string; step: number; payload: object }[];
    expect(items.map(({ type, step }) => `${type} ${step}`)).toEqual([
      "checkpoint -1",
      "checkpoint 0",
      "task 1",
      "task_result 1",
      "checkpoint 1",
      "task 2",
      "task_result 2",
      "checkpoint 2",
      "task 3",
      "task_result 3",
      "checkpoint 3",
    ]);
    expect(items[1]).toMatchObject({
      timestamp: expect.any(String),
      payload: { checkpoint: {}, tasks: [{ name: "a" }] },
    });
    expect(items[2]?.payload).toMatchObject({ name: "a" });
  });

  test("events: LangChain's own, next to the other modes", async () => {
    const frames = await stream("agent", { stream_mode: ["events", "values", "updates", "messages-tuple"] });
    const run_id = runIdOf(frames);
    const events = dataOf(frames, "events") as { event: string; name: string; run_id: string }[];
    expect(events.map(({ event }) => event)).toEqual([
      "on_chain_start",
      "on_chain_start",
      "on_chat_model_start",
      "on_chat_model_stream",
      "on_chat_model_stream",
      "on_chat_model_stream",
      "on_chat_model_end",
      "on_chain_end",
      "on_chain_end",
    ]);
    expect(events[0]).toMatchObject({ name: "LangGraph", run_id, tags: [], data: { input: HI } });
    expect(events[3]).toMatchObject({ data: { chunk: { type: "ai", content: "You " } } });
    expect(dataOf(frames, "values")).toHaveLength(2);
    expect(dataOf(frames, "updates")).toHaveLength(1);
    expect(dataOf(frames, "messages")).toHaveLength(3);
  });

  test("events alone leave out the other modes", async () => {
    expect(new Set(namesOf(await stream("agent", { stream_mode: "events" })))).toEqual(
      new Set(["metadata", "events", "end"]),
    );
  });

  test("tools: each call as it starts, tells and ends", async () => {
    const calls = dataOf(await stream("tools", { stream_mode: "tools" }), "tools");
    expect(calls).toMatchObject([
      { event: "on_tool_start", toolCallId: "call_1", name: "weather" },
      {
        event: "on_tool_event",
        toolCallId: "call_1",
        name: "weather",
        data: { progress: "looking at Bern" },
      },
      { event: "on_tool_end", toolCallId: "call_1", name: "weather" },
    ]);
  });

  describe("lifecycle: when a subgraph starts and how it ends", () => {
    test.each([
      ["work", "completed", {}],
      ["ask", "interrupted", {}],
      ["fail", "failed", { error: { error: "TypeError", message: "the child failed" } }],
    ])("ordered to %s, it has %s", async (order, event, details) => {
      const frames = await stream("nested", { stream_mode: "lifecycle", input: { order } });
      const [started, ended] = frames.filter((frame) => frame.event.startsWith("lifecycle"));
      const [, namespace = ""] = started?.event.split("|") ?? [];
      expect(namespace).toMatch(/^child:[0-9a-f-]{36}$/);
      expect(started).toMatchObject({ data: { event: "started", namespace: [namespace] } });
      expect(ended).toMatchObject({
        event: `lifecycle|${namespace}`,
        data: { event, namespace: [namespace], ...details },
      });
    });

    test("in a tool, it names the call", async () => {
      const frames = await stream("delegating", { stream_mode: "lifecycle" });
      const ofCall = frames.filter(
        ({ data }) => (data as { tool_call_id?: string }).tool_call_id === "call_1",
      );
      expect(ofCall.map(({ data }) => (data as { event: string }).event)).toEqual(["started", "completed"]);
    });

    test("a graph without subgraphs has none, and nothing else of them is streamed", async () => {
      expect(namesOf(await stream("steps", { stream_mode: "lifecycle" }))).toEqual(["metadata", "end"]);
      const names = withoutNamespace(await stream("mounted", { stream_mode: ["lifecycle", "updates"] }));
      expect(names).toEqual([
        "metadata",
        "updates",
        "lifecycle|child:…",
        "updates",
        "lifecycle|child:…",
        "end",
      ]);
    });
  });

  test("an unknown mode is refused by name", async () => {
    const response = await post(`${server.url}/runs/stream`, {
      assistant_id: "agent",
      stream_mode: "vaules",
    });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("stream_mode");
  });
});

test("an agent of LangChain streams its tokens, its tool calls and its state", async () => {
  const frames = await stream("react", { stream_mode: ["messages-tuple", "tools", "values"] });
  const tokens = dataOf(frames, "messages") as [{ type: string; content: string }][];
  expect(tokens.map(([{ content }]) => content)).toEqual(["", "sunny", "It is ", "sunny"]);
  expect(dataOf(frames, "tools")).toMatchObject([{ event: "on_tool_start" }, { event: "on_tool_end" }]);
  const last = dataOf(frames, "values").at(-1) as { messages: { type: string }[] };
  expect(last.messages.map(({ type }) => type)).toEqual(["human", "ai", "tool", "ai"]);
});

describe("subgraphs", () => {
  test.each(["nested", "mounted"])(
    "events of the subgraph of %s carry its namespace in their name",
    async (graph) => {
      const modes = { stream_mode: ["values", "updates", "custom"], stream_subgraphs: true };
      const frames = await stream(graph, modes);
      expect(withoutNamespace(frames)).toEqual([
        "metadata",
        "values",
        "updates",
        "values",
        "values|child:…",
        "custom|child:…",
        "updates|child:…",
        "values|child:…",
        "updates",
        "values",
        "end",
      ]);
    },
  );

  test("they are left out unless asked for", async () => {
    const names = namesOf(await stream("nested", { stream_mode: ["updates", "custom", "tasks"] }));
    expect(names.filter((name) => name.includes("|"))).toEqual([]);
  });
});

test("64 overlapping streams each get all of their 100 tokens", async () => {
  const { client } = await testServer({
    graphs: { tokens: "tokens.ts:graph" },
    environment: { jobsPerWorker: 64 },
  });
  const countTokens = async () => {
    const events = client.runs.stream(null, "tokens", { input: HI, streamMode: "messages-tuple" });
    return (await Array.fromAsync(events)).filter(({ event }) => event === "messages").length;
  };
  expect(await Promise.all(Array.from({ length: 64 }, countTokens))).toEqual(Array(64).fill(100));
});
