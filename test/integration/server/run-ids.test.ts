import { expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { parseFrames, post, runIdOf } from "../../support/wire.ts";

const server = sharedServer({ graphs: { steps: "steps.ts:graph", settings: "settings.ts:graph" } });

const HI = { messages: [{ role: "user", content: "hi" }] };

const create = (path: string, run_id: unknown, body: object = {}) =>
  post(`${server.url}${path}`, { assistant_id: "steps", input: HI, config: { run_id }, ...body });

const newThread = async () => (await server.client.threads.create()).thread_id;

test.each(["", "/stream", "/wait"])(
  "a run that is created with runs%s has the id it brings",
  async (path) => {
    for (const thread of [`/threads/${await newThread()}`, ""]) {
      const runId = crypto.randomUUID();
      const response = await create(`${thread}/runs${path}`, runId);
      expect(response.headers.get("content-location")).toBe(`${thread}/runs/${runId}`);
      const text = await response.text();
      if (path === "/stream") expect(runIdOf(parseFrames(text))).toBe(runId);
      if (path === "/wait") expect(JSON.parse(text)).toMatchObject({ items: ["a", "b", "c"] });
    }
  },
);

test("the id is that of the graph's run too, and stands in its checkpoints", async () => {
  const [threadId, runId] = [await newThread(), crypto.randomUUID()];
  const response = await create(`/threads/${threadId}/runs/wait`, runId, { assistant_id: "settings" });
  expect(await response.json()).toMatchObject({ seen: { metadata: { run_id: runId } } });
  const { metadata } = await server.client.threads.getState(threadId);
  expect(metadata).toMatchObject({ run_id: runId });
  const { kwargs } = (await server.client.runs.get(threadId, runId)) as unknown as { kwargs: object };
  expect(kwargs).toMatchObject({ config: { metadata: { run_id: runId }, configurable: { run_id: runId } } });
  expect(kwargs).not.toHaveProperty("config.run_id");
});

test("the same id in capitals is the same run, wherever it is named", async () => {
  const [threadId, runId] = [await newThread(), crypto.randomUUID()];
  const response = await create(`/threads/${threadId.toUpperCase()}/runs`, runId.toUpperCase());
  expect(await response.json()).toMatchObject({ run_id: runId, thread_id: threadId });
  const values = await server.client.runs.join(threadId.toUpperCase(), runId.toUpperCase());
  expect(values).toMatchObject({ items: ["a", "b", "c"] });
  expect((await server.client.threads.getState(threadId)).values).toEqual(values);
});

test("an id that is taken is a conflict, and the thread stays as it is", async () => {
  const [threadId, runId] = [await newThread(), crypto.randomUUID()];
  await (await create(`/threads/${threadId}/runs/wait`, runId)).text();
  for (const thread of [`/threads/${threadId}`, `/threads/${await newThread()}`, ""]) {
    const response = await create(`${thread}/runs`, runId, { multitask_strategy: "rollback" });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ message: expect.stringContaining(runId) });
  }
  expect(await server.client.runs.list(threadId)).toHaveLength(1);
  expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle" });
});

test("of simultaneous runs with one id exactly one is created", async () => {
  const runId = crypto.randomUUID();
  const threads = await Promise.all(Array.from({ length: 6 }, newThread));
  const responses = await Promise.all(
    threads.map((threadId) => create(`/threads/${threadId}/runs`, runId, { after_seconds: 60 })),
  );
  expect(responses.map(({ status }) => status).toSorted()).toEqual([200, 409, 409, 409, 409, 409]);
  const lists = await Promise.all(threads.map((threadId) => server.client.runs.list(threadId)));
  expect(lists.flat()).toHaveLength(1);
  const statuses = await Promise.all(threads.map((threadId) => server.client.threads.get(threadId)));
  expect(statuses.filter(({ status }) => status === "busy")).toHaveLength(1);
});

test("the id of a run that was deleted, or that went with its thread, is not used a second time", async () => {
  const [threadId, deleted, gone] = [await newThread(), crypto.randomUUID(), crypto.randomUUID()];
  await (await create(`/threads/${threadId}/runs/wait`, deleted)).text();
  await server.client.runs.delete(threadId, deleted);
  expect((await create(`/threads/${threadId}/runs`, deleted)).status).toBe(409);
  await (await create("/runs/wait", gone)).text();
  expect((await create("/runs", gone)).status).toBe(409);
});

test.each(["x", 1, "", {}, "0190f5d0-0000"])("%j is no id", async (runId) => {
  expect((await create("/runs", runId)).status).toBe(422);
});

test("an assistant has no run id", async () => {
  const assistant = { graph_id: "steps", config: { run_id: crypto.randomUUID() } };
  expect((await post(`${server.url}/assistants`, assistant)).status).toBe(422);
});
