import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { testServer } from "../../support/server.ts";
import { givenTwoSteps } from "../../support/two-steps.ts";

test("a run that was handed back goes on after its last step, with its id in every checkpoint", async () => {
  const { graphs, steps, letGo } = await givenTwoSteps();
  const first = await testServer({ graphs });
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "slow", { input: { done: ["asked"] } });
  while (!(await steps()).includes("two")) await sleep(20);
  await first.close();

  const second = await testServer({ graphs, databaseUrl: first.databaseUrl });
  await letGo();
  expect(await second.client.runs.join(thread_id, run_id)).toEqual({ done: ["asked", "one", "two"] });
  // Nothing but the step that was cut off was done again; its first call may see `go` only now.
  expect(await steps()).toBe("one\ntwo\ntwo\n");
  const history = await second.client.threads.getHistory(thread_id);
  expect(history.length).toBeGreaterThan(2);
  for (const { metadata } of history) expect(metadata).toMatchObject({ run_id });
});
