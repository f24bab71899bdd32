import { expect, test } from "vitest";
import { isFinished, RUN_STATUSES, toRunFailure } from "../../../src/server/domain/run.ts";

test("a run is finished unless it waits or runs", () => {
  expect(RUN_STATUSES.filter(isFinished)).toEqual(["success", "error", "timeout", "interrupted"]);
});

test("clients see the kind and the message of a failure, never its stack", () => {
  expect(toRunFailure(new RangeError("too far"))).toEqual({ error: "RangeError", message: "too far" });
  expect(toRunFailure({ name: "RangeError", message: "too far" })).toEqual({
    error: "RangeError",
    message: "too far",
  });
  expect(toRunFailure("just text")).toEqual({ error: "Error", message: "just text" });
  expect(toRunFailure(undefined)).toEqual({ error: "Error", message: "undefined" });
});
