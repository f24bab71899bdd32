import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../../src/server/persistence/database.ts";
import { releaseExpiredRun } from "../../../src/server/persistence/leases.ts";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { type LogLine, testServer } from "../../support/server.ts";

const graphs = { stale: "stale.ts:graph" };

/** Takes the run from its server, which does not notice before it renews its leases. */
async function takeAway(databaseUrl: string, runId: string): Promise<void> {
  const db = openDatabase(databaseUrl, { max: 1, onIdleError: () => undefined });
  onTestFinished(db.close);
  await db.query("update runs set lease_expires_at = now() - interval '1 second' where run_id = $1", [runId]);
  expect(await releaseExpiredRun(db, runId, "pending")).toBe(true);
}

test.each(["values", "events"] as const)(
  "a node that goes on after its run was taken over changes nothing in the store, with streamMode %s",
  async (streamMode) => {
    const databaseUrl = await testDatabaseUrl();
    const logLines: LogLine[] = [];
    const lost = await testServer({ graphs, databaseUrl, logLines, environment: { jobsPerWorker: 1 } });
    const gate = createGate();
    const { thread_id } = await lost.client.threads.create();
    const { run_id } = await lost.client.runs.create(thread_id, "stale", {
      input: { gate: gate.name },
      streamMode,
    });
    await gate.arrived;
    await takeAway(databaseUrl, run_id);
    const { client } = await testServer({ graphs, databaseUrl });
    await client.runs.join(thread_id, run_id);

    const look = async () => ({
      items: (await client.store.searchItems(["attempts"])).items,
      history: await client.threads.getHistory(thread_id),
    });
    const before = await look();
    expect(before.items.map(({ key, value }) => [key, value])).toEqual([
      ["attempt 2", {}],
      ["last", { by: "attempt 2" }],
    ]);
    gate.open();
    await expect
      .poll(() => logLines.filter(({ msg }) => msg === "run ended"))
      .toMatchObject([{ outcome: "lost", attempt: 1 }]);
    expect(await look()).toEqual(before);
  },
);
