import { expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { rawRequest } from "../../support/wire.ts";

const server = sharedServer({ graphs: { slow: "slow.ts:graph", steps: "steps.ts:graph" } });

/** A thread with a run at its gate. */
async function startSlow() {
  const gate = createGate();
  const { thread_id } = await server.client.threads.create();
  const { run_id } = await server.client.runs.create(thread_id, "slow", { input: { gate: gate.name } });
  await gate.arrived;
  return { gate, thread_id, run_id };
}

const reasonOf = async (threadId: string, runId: string) =>
  (await server.client.runs.get(threadId, runId)).cancel_reason;

test("a run that was not cancelled has no reason for it, even if someone tried to when it was over", async () => {
  const { gate, thread_id, run_id } = await startSlow();
  expect(await reasonOf(thread_id, run_id)).toBeNull();
  gate.open();
  await server.client.runs.join(thread_id, run_id);
  await server.client.runs.cancel(thread_id, run_id, true, "interrupt", { reason: "taken" });
  expect(await reasonOf(thread_id, run_id)).toBeNull();
});

test("a run whose input was taken says so, whether it was running or waiting", async () => {
  const { thread_id, run_id } = await startSlow();
  const { run_id: queued } = await server.client.runs.create(thread_id, "steps", { afterSeconds: 60 });
  for (const id of [queued, run_id]) {
    await server.client.runs.cancel(thread_id, id, true, "interrupt", { reason: "taken" });
    expect(await reasonOf(thread_id, id)).toMatch(/^taken: ./);
  }
});

test("a run that was just cancelled says that it was asked for", async () => {
  const { thread_id, run_id } = await startSlow();
  await server.client.runs.cancel(thread_id, run_id, true);
  expect(await reasonOf(thread_id, run_id)).toBe("requested");
});

test("a run that made way says for which one", async () => {
  const { thread_id, run_id } = await startSlow();
  const next = await server.client.runs.create(thread_id, "steps", { multitaskStrategy: "interrupt" });
  await server.client.runs.join(thread_id, next.run_id);
  expect(await reasonOf(thread_id, run_id)).toBe(`superseded: by run ${next.run_id}`);
});

test("a run that went with its client says so", async () => {
  const { thread_id, run_id } = await startSlow();
  const request = rawRequest(
    `${server.url}/threads/${thread_id}/runs/${run_id}/stream?cancel_on_disconnect=1`,
  );
  await request.status;
  request.drop();
  await server.client.runs.join(thread_id, run_id);
  expect(await reasonOf(thread_id, run_id)).toMatch(/^disconnected: /);
});

test.each([
  ["reason=because", 422],
  ["action=rollback&reason=taken", 422],
  ["action=interrupt&reason=taken", 202],
])("cancelling with %s is answered with %i", async (query, status) => {
  const { gate, thread_id, run_id } = await startSlow();
  const url = `${server.url}/threads/${thread_id}/runs/${run_id}/cancel?${query}`;
  expect((await fetch(url, { method: "POST" })).status).toBe(status);
  gate.open();
});

test("the reason can be selected in a list", async () => {
  const { thread_id, run_id } = await startSlow();
  await server.client.runs.cancel(thread_id, run_id, true);
  const select = ["run_id", "cancel_reason"] as const;
  expect(await server.client.runs.list(thread_id, { select: [...select] })).toEqual([
    { run_id, cancel_reason: "requested" },
  ]);
});
