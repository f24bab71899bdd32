import { expect, test } from "vitest";
import { defaultAssistantId, toAssistantId } from "../../../src/server/domain/assistant.ts";

test("a graph's default assistant has the id that every server of the protocol gives it", () => {
  // Taken from an answer of the official server for a graph that is named agent.
  expect(defaultAssistantId("agent")).toBe("fe096781-5601-53d2-b2f6-0d3403f7e9ca");
});

test("an id names an assistant, anything else the default assistant of a graph", () => {
  const id = "01a20324-d7c4-730f-b005-8cd8c9262514";
  expect(toAssistantId(id)).toBe(id);
  expect(toAssistantId("agent")).toBe(defaultAssistantId("agent"));
});
