import { describe, expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { checkpointIdOf, HI, threadStates, type Values } from "../../support/thread-states.ts";
import { post } from "../../support/wire.ts";

const server = sharedServer({
  graphs: {
    agent: "chat.ts:graph",
    steps: "steps.ts:graph",
  },
});

const { newThread, run, steppedThread, stateOf, historyOf, stateBefore } = threadStates(server);

describe("a run from a checkpoint", () => {
  test.each(["checkpointId", "checkpoint"] as const)(
    "named by %s goes on from there, on a branch of its own",
    async (by) => {
      const threadId = await steppedThread();
      const before = await stateBefore(threadId, "c");
      const original = await stateOf(threadId);
      const place =
        by === "checkpoint" ? { checkpoint: before.checkpoint } : { checkpointId: checkpointIdOf(before) };
      const values = await run(threadId, "steps", {
        input: null,
        ...place,
        config: { configurable: { mark: "fork" } },
      });

      expect(values.items).toEqual(["a", "b", "fork"]);
      const forked = await stateOf(threadId);
      expect(forked.values.items).toEqual(["a", "b", "fork"]);
      expect(await server.client.threads.get(threadId)).toMatchObject({
        values: { items: ["a", "b", "fork"] },
      });
      // What was there before is still there.
      const kept = await server.client.threads.getState<Values>(threadId, checkpointIdOf(original));
      expect(kept.values.items).toEqual(["a", "b", "c"]);
      expect(await historyOf(threadId, { limit: 100 })).toHaveLength(7);
    },
  );

  test("with an input says it at that place of the conversation, as an edited message is sent", async () => {
    const { client } = server;
    const threadId = await newThread();
    const say = (content: string) => ({ input: { messages: [{ role: "user", content }] } });
    await run(threadId, "agent", say("one"));
    await run(threadId, "agent", say("two"));
    const beforeTwo = (await historyOf(threadId, { limit: 100 })).find(
      ({ values, next }) => values.messages.length === 2 && next.length === 0,
    );
    const payload = {
      ...say("three"),
      checkpointId: beforeTwo === undefined ? "" : checkpointIdOf(beforeTwo),
    };
    const values = await run(threadId, "agent", payload);
    const said = ["one", "You said: one", "three", "You said: three"];
    expect(values.messages.map(({ content }) => content)).toEqual(said);
    expect((await stateOf(threadId)).values.messages.map(({ content }) => content)).toEqual(said);
    expect((await run(threadId, "agent", say("four"))).messages).toHaveLength(6);
    expect(await client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });

  test("with only its thread named goes on from the latest one", async () => {
    const threadId = await steppedThread();
    const values = await run(threadId, "steps", { input: HI, checkpoint: { thread_id: threadId } });
    expect(values.items).toHaveLength(6);
  });

  test("that is not there is not found, and leaves no run", async () => {
    const threadId = await steppedThread();
    const response = await post(`${server.url}/threads/${threadId}/runs`, {
      assistant_id: "steps",
      checkpoint_id: crypto.randomUUID(),
    });
    expect(response.status).toBe(404);
    expect(await server.client.runs.list(threadId)).toHaveLength(1);
    expect(await server.client.threads.get(threadId)).toMatchObject({ status: "idle" });
  });
});
