import { describe, expect, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testServer } from "../../support/server.ts";
import { dataOf, namesOf, post, streamFrames } from "../../support/wire.ts";

const GRAPHS = { slow: "slow.ts:graph", deaf: "slow.ts:deaf", steps: "steps.ts:graph" };
const FAILURE = {
  error: "TimeoutError",
  message:
    "The run took longer than 1.5 seconds, the limit of this server (BG_JOB_TIMEOUT_SECS), and was stopped.",
};

/** Enough for everything in these runs but what they wait for. */
const LIMIT_MS = 1500;

const startServer = (runTimeoutMs = LIMIT_MS) =>
  testServer({ graphs: GRAPHS, environment: { runTimeoutMs } });

/** An input with which the node of the graph waits for ever. */
const waiting = () => ({ gate: createGate().name });

describe("a run that takes longer than the limit", () => {
  test.each(["slow", "deaf"])("ends as timeout, also when its node is %s", async (graph) => {
    const { client, url } = await startServer();
    const { thread_id } = await client.threads.create();

    const frames = await streamFrames(`${url}/threads/${thread_id}/runs/stream`, {
      assistant_id: graph,
      input: waiting(),
    });

    expect(namesOf(frames).at(-1)).toBe("error");
    expect(dataOf(frames, "error")).toEqual([FAILURE]);
    const [run] = await client.runs.list(thread_id);
    expect(run).toMatchObject({ status: "timeout" });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "error", error: FAILURE });
    // What it did before it was stopped stays.
    expect(await client.threads.getState(thread_id)).toMatchObject({
      values: { items: ["before"] },
      next: ["work"],
    });
  });

  test("frees its thread for the next one, which goes through", async () => {
    const { client } = await startServer(4000);
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, "slow", { input: waiting() });

    const values = await client.runs.wait(thread_id, "steps", { input: { ms: 0 } });

    expect(values).not.toHaveProperty("__error__");
    expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "timeout" });
    expect(await client.threads.get(thread_id)).toMatchObject({ status: "idle" });
  });

  test("is told to those who wait, with and without a thread of its own", async () => {
    const { client, url } = await startServer();
    const { thread_id } = await client.threads.create();
    const body = { assistant_id: "slow", input: waiting() };

    const answers = await Promise.all(
      [`/threads/${thread_id}/runs/wait`, "/runs/wait"].map(async (path) =>
        (await post(`${url}${path}`, body)).json(),
      ),
    );

    expect(answers).toEqual([{ __error__: FAILURE }, { __error__: FAILURE }]);
    const runs = await client.runs.list(thread_id);
    expect(await client.runs.join(thread_id, runs[0]?.run_id ?? "")).toEqual({ __error__: FAILURE });
  });
});

test("one that reached the limit in a process that noticed nothing is not tried again", async () => {
  const waits = await testServer({ graphs: GRAPHS, environment: { jobsPerWorker: 0, leaseMs: 300_000 } });
  const { thread_id } = await waits.client.threads.create();
  const { run_id } = await waits.client.runs.create(thread_id, "slow", { input: waiting() });
  const db = openDatabase(waits.databaseUrl, { max: 1, onIdleError: () => undefined });
  await db.query(
    `update runs set status = 'running', attempt = 1, claimed_by = 'gone', lease_expires_at = now(),
                     claimed_at = now() - interval '1 minute'`,
  );
  await db.close();

  const { client } = await testServer({
    graphs: GRAPHS,
    databaseUrl: waits.databaseUrl,
    environment: { runTimeoutMs: LIMIT_MS },
  });
  await client.runs.join(thread_id, run_id);

  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "timeout" });
  expect(await client.threads.get(thread_id)).toMatchObject({ status: "error", error: FAILURE });
});
