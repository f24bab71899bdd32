import { expect, test } from "vitest";
import type { Assistant } from "../../../src/server/domain/assistant.ts";
import { mergeContext, mergeRunConfig } from "../../../src/server/domain/run-config.ts";

const assistant: Assistant = {
  assistant_id: "a",
  graph_id: "g",
  name: "n",
  description: null,
  config: {
    tags: ["assistant", "both"],
    recursion_limit: 5,
    configurable: { model: "small", tone: "dry", thread_id: "forged" },
    metadata: { from: "config" },
  },
  context: { user: "ada", place: "here" },
  metadata: { from: "assistant", team: "blue" },
  version: 1,
  created_at: new Date(0),
  updated_at: new Date(0),
};

const run = { run_id: "r", thread_id: "t", config: {}, metadata: {} };

test("the run's configuration wins over the assistant's key by key, and tags add up", () => {
  const merged = mergeRunConfig(assistant, {
    ...run,
    config: { tags: ["both", "run"], configurable: { model: "large" }, metadata: { from: "run config" } },
    metadata: { from: "run" },
  });
  expect(merged).toMatchObject({ tags: ["assistant", "both", "run"], recursion_limit: 5 });
  expect(merged.configurable).toMatchObject({ model: "large", tone: "dry" });
  expect(merged.metadata).toMatchObject({ from: "run", team: "blue" });
});

test("a limit of the run replaces the assistant's", () => {
  expect(mergeRunConfig(assistant, { ...run, config: { recursion_limit: 50 } }).recursion_limit).toBe(50);
});

test("ids cannot be forged: neither by the assistant nor by the run", () => {
  const ids = { run_id: "r", thread_id: "t", assistant_id: "a", graph_id: "g" };
  const forged = { run_id: "x", thread_id: "x", assistant_id: "x", graph_id: "x" };
  const merged = mergeRunConfig(assistant, {
    ...run,
    config: { configurable: forged, metadata: forged },
    metadata: forged,
  });
  expect(merged.configurable).toMatchObject(ids);
  expect(merged.metadata).toMatchObject(ids);
});

test("the run's context wins over the assistant's key by key", () => {
  expect(mergeContext(assistant, { place: "there" })).toEqual({ user: "ada", place: "there" });
  expect(mergeContext(assistant, null)).toEqual({ user: "ada", place: "here" });
});

test("without any context there is none, so that a graph with required context can tell", () => {
  expect(mergeContext({ ...assistant, context: {} }, null)).toBeNull();
  expect(mergeContext({ ...assistant, context: {} }, {})).toBeNull();
});
