import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { input, newThread } from "./support/messages.ts";
import { SDKS } from "./support/sdks.ts";

const NOBODY = randomUUID();

describe.each(SDKS)("refusals with $name", ({ connect }) => {
  const client = connect;

  test.each([
    ["an assistant", () => client().assistants.get(NOBODY)],
    ["a thread", () => client().threads.get(NOBODY)],
    ["a thread's state", () => client().threads.getState(NOBODY)],
    ["a thread's history", () => client().threads.getHistory(NOBODY)],
    ["a run's thread", () => client().runs.create(NOBODY, "agent", { input: input("x") })],
    ["a run's assistant", () => client().runs.create(null, "no-such-graph", { input: input("x") })],
    [
      "a stream's thread",
      () =>
        client()
          .runs.stream(NOBODY, "agent", { input: input("x") })
          .next(),
    ],
    ["a run to wait for", () => client().runs.join(NOBODY, NOBODY)],
    ["a run to follow", () => client().runs.joinStream(NOBODY, NOBODY).next()],
    ["a run to cancel", () => client().runs.cancel(NOBODY, NOBODY)],
  ])("%s that is not there is a 404 with the reason", async (_, request) => {
    const error = await request().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      name: "Error",
      status: 404,
      message: expect.stringMatching(/^HTTP 404: .*detail/),
    });
  });

  test("an id that is none, or a field that is not one of the protocol's, is a 422", async () => {
    await expect(client().threads.get("not-an-id")).rejects.toMatchObject({ status: 422 });
    const limit = { limit: -1 };
    await expect(client().threads.search(limit)).rejects.toMatchObject({ status: 422 });
    const threadId = await newThread(client());
    const wrong = { input: input("x"), multitaskStrategy: "whatever" as "reject" };
    await expect(client().runs.create(threadId, "agent", wrong)).rejects.toMatchObject({
      status: 422,
      message: expect.stringContaining("multitask_strategy"),
    });
  });

  test("a thread that waits can be written to, one that works cannot", async () => {
    const threadId = await newThread(client());
    await client().runs.wait(threadId, "questions", { input: input("x") });
    await client().threads.updateState(threadId, { values: null, asNode: "__end__" });
    expect((await client().threads.getState(threadId)).next).toEqual([]);

    const busy = await newThread(client());
    const { run_id } = await client().runs.create(busy, "agent", { input: input("[nobody] opens") });
    const update = client().threads.updateState(busy, { values: { messages: [] } });
    await expect(update).rejects.toMatchObject({ status: 409 });
    await client().runs.cancel(busy, run_id, true);
  });
});
