import { describe, expect, test } from "vitest";
import { testServer } from "../../support/server.ts";
import { post } from "../../support/wire.ts";

const hi = { messages: [{ role: "user", content: "hi" }] };

describe("a server that only answers requests", () => {
  test("leaves its runs to a worker", async () => {
    const api = await testServer({ role: "api" });
    const { thread_id } = await api.client.threads.create();
    const { run_id } = await api.client.runs.create(thread_id, "agent", { input: hi });
    expect(await api.client.runs.get(thread_id, run_id)).toMatchObject({ status: "pending" });

    await testServer({ role: "worker", databaseUrl: api.databaseUrl });
    await api.client.runs.join(thread_id, run_id);

    expect(await api.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
    expect(await api.client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });

  test("has its cancels heard by the worker", async () => {
    const graphs = { slow: "slow.ts:graph" };
    const api = await testServer({ role: "api", graphs });
    await testServer({ role: "worker", databaseUrl: api.databaseUrl, graphs });
    const { thread_id } = await api.client.threads.create();
    const { run_id } = await api.client.runs.create(thread_id, "slow", { input: { ms: 60_000 } });
    await expect.poll(async () => (await api.client.runs.get(thread_id, run_id)).status).toBe("running");

    await api.client.runs.cancel(thread_id, run_id, true);

    expect(await api.client.runs.get(thread_id, run_id)).toMatchObject({ status: "interrupted" });
  });
});

describe("a worker", () => {
  test.each(["/ok", "/live", "/ready", "/health", "/info"])("answers %s", async (path) => {
    const { url } = await testServer({ role: "worker" });

    expect((await fetch(`${url}${path}`)).status).toBe(200);
  });

  test("refuses everything else, and says why", async () => {
    const { url } = await testServer({ role: "worker" });

    const answers = await Promise.all([post(`${url}/threads`, {}), fetch(`${url}/openapi.json`)]);

    expect(answers.map(({ status }) => status)).toEqual([404, 404]);
    expect(await answers[0]?.json()).toMatchObject({
      error: "not_found",
      message: "There is no POST /threads here: this process only executes runs (--role worker)",
    });
  });
});
