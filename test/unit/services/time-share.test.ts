import { expect, test } from "vitest";
import { createTimeShare } from "../../../src/server/services/runs/time-share.ts";

test("a run that never pauses leaves its readers time to read", async () => {
  // Nothing but turns of the event loop lies between the first event and the last.
  const passed: string[] = [];
  let turns = 0;
  let isOver = false;
  const count = () => {
    turns++;
    if (!isOver) setImmediate(count);
  };
  setImmediate(count);
  const shareTime = createTimeShare();
  for (let index = 0; index < 100; index++) {
    const event = { event: "custom", data: "x".repeat(32 * 1024) };
    passed.push(event.event);
    await shareTime(event);
  }
  isOver = true;
  expect(passed).toHaveLength(100);
  expect(turns).toBeGreaterThanOrEqual(49);
});
