import fc from "fast-check";
import { expect, test } from "vitest";
import { defaultAssistantId } from "../../../src/server/domain/assistant.ts";
import { MULTITASK_STRATEGIES } from "../../../src/server/domain/run.ts";
import { insertAssistant } from "../../../src/server/persistence/assistants.ts";
import type { Database } from "../../../src/server/persistence/database.ts";
import { sharedDatabase } from "../../support/database.ts";
import {
  createRunMachine,
  type Happening,
  type History,
  MAX_RETRIES,
  threadIds,
} from "../../support/run-machine.ts";
import { OWNER } from "../../support/runs.ts";

const ASSISTANT = defaultAssistantId("agent");
const THREADS = 3;

const database = sharedDatabase();

const index = fc.nat(1000);

const happening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant("create" as const),
      thread: index,
      strategy: fc.constantFrom(...MULTITASK_STRATEGIES),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("create_stateless" as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant("claim" as const),
      worker: fc.nat(2),
      limit: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constantFrom("end" as const, "hand_back" as const, "expire" as const),
      claim: index,
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant("cancel" as const),
      run: index,
      action: fc.constantFrom("interrupt" as const, "rollback" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant("recover" as const) }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant("delete_thread" as const), thread: index }) },
);

/** Things that happen at the same moment, and then the next ones. */
const story = fc.array(fc.array(happening, { minLength: 1, maxLength: 5 }), { minLength: 12, maxLength: 25 });

/** A rule that holds at every moment → a statement that finds what breaks it. */
const RULES: Readonly<Record<string, string>> = {
  "a thread has at most one running run":
    "select thread_id from runs where status = 'running' group by thread_id having count(*) > 1",
  "runs of a thread begin in the order in which they were created": `select later.run_id from runs later join runs earlier using (thread_id)
      where later.status = 'running' and earlier.status = 'pending' and earlier.seq < later.seq`,
  "a run has a worker and a lease exactly while it is running": `select run_id from runs
      where (status = 'running') <> (claimed_by is not null)
         or (status = 'running') <> (lease_expires_at is not null)`,
  "a thread is busy exactly while it has an unfinished run": `select thread_id from threads
      where (status = 'busy') <> exists (
        select from runs where runs.thread_id = threads.thread_id and runs.status in ('pending', 'running'))`,
  "a run crashes no more often than it was begun, and is given up in the end": `select run_id from runs where crashes > attempt or crashes > ${MAX_RETRIES + 1}`,
  "the thread of a stateless run goes with it": `select thread_id from threads
      where ephemeral and not exists (select from runs where runs.thread_id = threads.thread_id)`,
};

interface Row {
  readonly run_id: string;
  readonly status: string;
  readonly attempt: number;
}

/** Looks at everything after each moment, and remembers what must not change any more. */
function createJudge(db: Database, { claims, outcomes }: History) {
  const ended = new Map<string, string>();
  const attempts = new Map<string, number>();
  return async () => {
    for (const [rule, statement] of Object.entries(RULES)) {
      expect((await db.query(statement)).rows, rule).toEqual([]);
    }
    const { rows } = await db.query<Row>("select run_id, status, attempt from runs");
    for (const { run_id, status, attempt } of rows) {
      expect(ended.get(run_id) ?? status, "a run that is over stays as it is").toBe(status);
      if (status !== "pending" && status !== "running") ended.set(run_id, status);
      expect(attempt, "attempts never fall").toBeGreaterThanOrEqual(attempts.get(run_id) ?? 0);
      attempts.set(run_id, attempt);
    }
    const begun = claims.map(({ run_id, attempt }) => `${run_id} ${attempt}`);
    expect(new Set(begun).size, "an attempt is given to one worker").toBe(begun.length);
    const finished = outcomes.filter(({ outcome }) => outcome !== "lost" && outcome !== "handed_back");
    const runs = finished.map(({ claim }) => claim.run_id);
    expect(new Set(runs).size, "a run is finished once").toBe(runs.length);
    for (const { claim } of finished) {
      const later = claims.filter(
        ({ run_id, attempt }) => run_id === claim.run_id && attempt > claim.attempt,
      );
      expect(later, "a run is finished in its last attempt").toEqual([]);
    }
  };
}

async function givenAssistant(db: Database): Promise<void> {
  await db.query("truncate assistants, threads cascade");
  await insertAssistant(db, OWNER, {
    assistant_id: ASSISTANT,
    graph_id: "agent",
    name: "agent",
    description: null,
    config: {},
    context: {},
    metadata: {},
  });
}

test("whatever happens to runs, and whatever of it at the same moment, no invariant breaks", async () => {
  const db = database();
  const seen = new Set<string>();

  await fc.assert(
    fc.asyncProperty(story, async (moments) => {
      await givenAssistant(db);
      using machine = createRunMachine(db, ASSISTANT);
      const { history, make } = machine;
      history.threads.push(...threadIds(THREADS));
      const judge = createJudge(db, history);
      for (const moment of moments) {
        await Promise.all(moment.map(make));
        await judge();
      }
      for (const { outcome } of history.outcomes) seen.add(outcome);
    }),
    { numRuns: 30, interruptAfterTimeLimit: 20_000 },
  );

  // The stories have led somewhere.
  expect([...seen].toSorted()).toEqual(["handed_back", "interrupted", "lost", "rolled_back", "success"]);
});
