import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, namesOf, parseFrames, post, rawRequest, runIdOf, streamFrames } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    steps: "steps.ts:graph",
    failing: "failing.ts:graph",
    burst: "burst.ts:graph",
    factory: "factories.ts:throwing",
  },
});

const HI = { messages: [{ role: "user", content: "hi" }] };

const stream = (assistant_id: string, body: object = {}) =>
  streamFrames(`${server.url}/runs/stream`, { assistant_id, input: HI, ...body });

describe("the stream of a run", () => {
  test("names the run and where to go on, and its numbers rise from the first event to the end", async () => {
    const { thread_id } = await server.client.threads.create();
    const response = await post(`${server.url}/threads/${thread_id}/runs/stream`, {
      assistant_id: "steps",
      input: HI,
    });
    const frames = parseFrames(await response.text());
    const run_id = runIdOf(frames);

    expect(response.headers.get("content-type")).toMatch(/^text\/event-stream/);
    expect(response.headers.get("cache-control")).toBe("no-cache");
    expect(response.headers.get("content-location")).toBe(`/threads/${thread_id}/runs/${run_id}`);
    expect(response.headers.get("location")).toBe(`/threads/${thread_id}/runs/${run_id}/stream`);
    expect(frames[0]).toMatchObject({ event: "metadata", data: { run_id, attempt: 1 } });
    expect(frames.at(-1)).toMatchObject({ event: "end", data: { run_id, status: "success" } });
    const ids = frames.map(({ id }) => Number(id));
    expect(ids).toEqual([...new Set(ids)].toSorted((a, b) => a - b));
    expect(ids.every(Number.isSafeInteger)).toBe(true);
  });

  test("ends with the error when the graph fails, after what came before it", async () => {
    const frames = await stream("failing", { stream_mode: "updates" });
    expect(namesOf(frames)).toEqual(["metadata", "updates", "error"]);
    expect(frames.at(-1)?.data).toEqual({ error: "KaboomError", message: "kaboom" });
  });

  test("ends with the error when the events of LangChain are streamed too", async () => {
    const frames = await stream("failing", { stream_mode: ["events", "updates"] });
    expect(frames.at(-1)).toMatchObject({
      event: "error",
      data: { error: "KaboomError", message: "kaboom" },
    });
  });

  test("ends with the error when the graph cannot be made", async () => {
    const frames = await stream("factory");
    expect(namesOf(frames)).toEqual(["metadata", "error"]);
    expect(frames.at(-1)?.data).toMatchObject({
      message: "Graph 'factory': its factory failed: no graph today",
    });
  });

  test("comes with a sign of life while nothing happens", async () => {
    const { url } = await testServer({ graphs: { slow: "slow.ts:graph" }, environment: { heartbeatMs: 20 } });
    const gate = createGate();
    const body = { assistant_id: "slow", input: { gate: gate.name }, stream_mode: "updates" };
    const { chunks } = rawRequest(`${url}/runs/stream`, { method: "POST", body });
    let text = "";
    for await (const chunk of { [Symbol.asyncIterator]: () => chunks }) {
      text += chunk;
      if (chunk.startsWith(":")) gate.open();
    }
    expect(text).toContain("\n\n: heartbeat\n\n");
    expect(namesOf(parseFrames(text))).toEqual(["metadata", "updates", "updates", "updates", "end"]);
  });

  test("what is ready in one turn of the event loop is one write", async () => {
    const body = { assistant_id: "burst", input: HI, stream_mode: "custom" };
    const { chunks } = rawRequest(`${server.url}/runs/stream`, { method: "POST", body });
    const writes = await Array.fromAsync({ [Symbol.asyncIterator]: () => chunks });
    const perWrite = writes.map((write) => dataOf(parseFrames(write), "custom").length);
    expect(perWrite.filter((count) => count > 0)).toEqual([20]);
  });
});
