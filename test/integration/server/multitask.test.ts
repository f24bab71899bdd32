import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: { slow: "slow.ts:graph", deaf: "slow.ts:deaf", steps: "steps.ts:graph" },
});

const say = (content: string) => ({ messages: [{ role: "user", content }] });

/** A thread with a run at its gate, and another one that waits for it. */
async function busyThread(graph = "slow") {
  const { client } = server;
  const gate = createGate();
  const { thread_id } = await client.threads.create();
  const running = await client.runs.create(thread_id, graph, { input: { ...say("first"), gate: gate.name } });
  await gate.arrived;
  const queued = await client.runs.create(thread_id, "steps", { input: say("second") });
  return { gate, thread_id, running: running.run_id, queued: queued.run_id };
}

const statusesOf = async (threadId: string) =>
  Object.fromEntries((await server.client.runs.list(threadId)).map(({ run_id, status }) => [run_id, status]));

const messagesOf = (values: unknown) =>
  (values as { messages: { content: string }[] }).messages.map(({ content }) => content);

const createThird = async (threadId: string, multitaskStrategy: "enqueue" | "interrupt" | "rollback") => {
  const { run_id } = await server.client.runs.create(threadId, "steps", {
    input: say("third"),
    multitaskStrategy,
  });
  return run_id;
};

test("reject refuses a run on a thread that is busy, and leaves no trace of it", async () => {
  const { gate, thread_id, running, queued } = await busyThread();
  const request = { assistant_id: "steps", input: say("third"), multitask_strategy: "reject" };
  const response = await post(`${server.url}/threads/${thread_id}/runs`, request);
  expect(response.status).toBe(409);
  expect(await response.json()).toMatchObject({
    error: "conflict",
    message: expect.stringContaining(thread_id),
  });
  expect(await statusesOf(thread_id)).toEqual({ [running]: "running", [queued]: "pending" });

  gate.open();
  await server.client.runs.join(thread_id, queued);
  expect((await post(`${server.url}/threads/${thread_id}/runs/wait`, request)).status).toBe(200);
});

test("of simultaneous runs with reject on one thread exactly one gets through", async () => {
  const { thread_id } = await server.client.threads.create();
  const gate = createGate();
  const request = { assistant_id: "slow", input: { gate: gate.name }, multitask_strategy: "reject" };
  const responses = await Promise.all(
    Array.from({ length: 5 }, () => post(`${server.url}/threads/${thread_id}/runs`, request)),
  );
  expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409]);
  gate.open();
});

test.each([
  ["by default", {}],
  ["with enqueue", { multitask_strategy: "enqueue" }],
])("%s runs wait for those before them, in the order in which they were created", async (_, strategy) => {
  const { gate, thread_id } = await busyThread();
  for (const word of ["third", "fourth", "fifth"]) {
    await post(`${server.url}/threads/${thread_id}/runs`, {
      assistant_id: "steps",
      input: say(word),
      ...strategy,
    });
  }
  const [last] = await server.client.runs.list(thread_id);
  gate.open();
  const values = await server.client.runs.join(thread_id, last?.run_id ?? "");
  expect(messagesOf(values)).toEqual(["first", "second", "third", "fourth", "fifth"]);
  expect(Object.values(await statusesOf(thread_id))).toEqual(Array(5).fill("success"));
});

describe.each(["slow", "deaf"])("over a run of a node that is %s", (graph) => {
  test("interrupt stops everything before it and keeps what was done", async () => {
    const { thread_id, running, queued } = await busyThread(graph);
    const third = await createThird(thread_id, "interrupt");
    const values = await server.client.runs.join(thread_id, third);
    expect(await statusesOf(thread_id)).toEqual({
      [running]: "interrupted",
      [queued]: "interrupted",
      [third]: "success",
    });
    expect(messagesOf(values)).toEqual(["first", "third"]);
    expect(values).toMatchObject({ items: ["before", "a", "b", "c"] });
    expect(await server.client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });

  test("rollback stops everything before it and undoes it", async () => {
    const { thread_id } = await busyThread(graph);
    const third = await createThird(thread_id, "rollback");
    const values = await server.client.runs.join(thread_id, third);
    expect(await statusesOf(thread_id)).toEqual({ [third]: "success" });
    expect(messagesOf(values)).toEqual(["third"]);
    expect(values).toMatchObject({ items: ["a", "b", "c"] });
    const history = await server.client.threads.getHistory(thread_id, { limit: 100 });
    expect(new Set(history.map(({ metadata }) => metadata?.["run_id"]))).toEqual(new Set([third]));
  });
});

test.each(["interrupt", "rollback"] as const)(
  "%s on a thread that is not busy just runs",
  async (strategy) => {
    const { thread_id } = await server.client.threads.create();
    await server.client.runs.wait(thread_id, "steps", { input: say("first") });
    const values = await server.client.runs.join(thread_id, await createThird(thread_id, strategy));
    expect(messagesOf(values)).toEqual(["first", "third"]);
  },
);
