import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { createMemoryBus } from "../../../src/server/bus/memory-bus.ts";
import type { RunStatus } from "../../../src/server/domain/run.ts";
import type { Database } from "../../../src/server/persistence/database.ts";
import { joinRun, waitForRun } from "../../../src/server/services/runs/join-run.ts";
import { SUCCESS, settle } from "../../support/bus-contract.ts";

const caller = { identity: "ada" };
const run = { thread_id: randomUUID(), run_id: randomUUID() };

/** What two services need, with a database that answers with one run when it is let to. */
function setUp(status: RunStatus | null) {
  const bus = createMemoryBus({
    retentionMs: 60_000,
    maxRunBytes: 1000,
    maxRunningBytes: 1000,
    maxRetainedBytes: 1000,
  });
  onTestFinished(() => bus[Symbol.dispose]());
  const answered = Promise.withResolvers<void>();
  const statements: string[] = [];
  const query = async (statement: string) => {
    statements.push(statement);
    await answered.promise;
    return { rows: status === null ? [] : [{ ...run, status, updated_at: new Date(0) }] };
  };
  const leaving = new AbortController();
  return {
    deps: { db: { query } as unknown as Database, bus },
    statements,
    answer: answered.resolve,
    leaving,
  };
}

test("waiting for a run looks at its row once, and then at nothing until it ends", async () => {
  const { deps, statements, answer, leaving } = setUp("running");
  answer();
  const { ended } = await waitForRun(deps, caller, run, leaving.signal);
  await settle();
  deps.bus.end(run.run_id, SUCCESS);
  expect(await ended).toEqual(SUCCESS);
  expect(statements).toHaveLength(1);
});

test.each([
  ["waiting for", waitForRun],
  [
    "joining",
    (...[deps, who, which, signal]: Parameters<typeof waitForRun>) =>
      joinRun(deps, who, which, { after: 0, modes: null, namespaces: null, signal }),
  ],
])("%s a run watches it from before its row is read until the client leaves", async (_, use) => {
  const { deps, answer, leaving } = setUp("running");
  const used = use(deps, caller, run, leaving.signal);
  await settle();
  expect(deps.bus.isWatched(run.run_id)).toBe(true);

  answer();
  await used;
  expect(deps.bus.isWatched(run.run_id)).toBe(true);
  leaving.abort();
  await settle();
  expect(deps.bus.watchedRuns()).toEqual([]);
});

test.each<[string, RunStatus | null]>([
  ["not there", null],
  ["over and forgotten", "success"],
])("a run that is %s is not watched any longer", async (_, status) => {
  const { deps, answer, leaving } = setUp(status);
  answer();
  await waitForRun(deps, caller, run, leaving.signal).catch(() => undefined);
  await settle();
  expect(deps.bus.watchedRuns()).toEqual([]);
});
