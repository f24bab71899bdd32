import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { packagedProject } from "../support/packaged-project.ts";

/** Two steps; the second takes long enough to be killed in, and writes down each time it begins. */
const SLOW_GRAPH = `
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { AIMessage } from "@langchain/core/messages";
import { MessagesAnnotation, StateGraph } from "@langchain/langgraph";

export const graph = new StateGraph(MessagesAnnotation)
  .addNode("first", () => {
    appendFileSync("effects.log", "first\\n");
    return { messages: [new AIMessage("first step")] };
  })
  .addNode("second", async () => {
    appendFileSync("effects.log", "second\\n");
    await sleep(3000);
    return { messages: [new AIMessage("second step")] };
  })
  .addEdge("__start__", "first")
  .addEdge("first", "second")
  .addEdge("second", "__end__")
  .compile();
`;

test("a run that was in flight when everything was killed is finished after the restart, its input applied once", async () => {
  const project = await packagedProject("chatbot");
  await writeFile(path.join(project.directory, "src", "agent.ts"), SLOW_GRAPH);
  const effects = async () =>
    (await readFile(path.join(project.directory, "effects.log"), "utf8")).trim().split("\n");

  const first = await project.dev();
  const { thread_id } = await first.client.threads.create();
  const { run_id } = await first.client.runs.create(thread_id, "agent", {
    input: { messages: [{ role: "user", content: "count me once" }] },
    // Each step is saved before the next begins. By default that overlaps, and a kill in between repeats the step.
    durability: "sync",
  });
  await waitUntil(async () => (await effects().catch((): string[] => [])).includes("second"));
  await first.kill();

  const second = await project.dev();
  await second.client.runs.join(thread_id, run_id);
  expect(await second.client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
  const { values } = await second.client.threads.getState<{ messages: { content: string }[] }>(thread_id);
  expect(values.messages.map(({ content }) => content)).toEqual([
    "count me once",
    "first step",
    "second step",
  ]);
  expect((await second.client.threads.get(thread_id)).status).toBe("idle");
  // The step that was finished is not repeated; the one that was killed is.
  expect(await effects()).toEqual(["first", "second", "second"]);
  expect(await second.stop()).toBe(0);
});

async function waitUntil(isTrue: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    if (await isTrue()) return;
    await sleep(50);
  }
  throw new Error("it did not become true within ten seconds");
}
