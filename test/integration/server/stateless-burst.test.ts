import { expect, test } from "vitest";
import { sharedServer } from "../../support/shared-server.ts";
import { dataOf, parseFrames, post } from "../../support/wire.ts";

const server = sharedServer({ graphs: { steps: "steps.ts:graph" } });

const COUNT = 50;
const words = Array.from({ length: COUNT }, (_, index) => `word ${index}`);

/** A run that is over, and its row gone, in the time that it takes to answer. */
const runWith = (kind: "wait" | "stream", mark: string) =>
  post(`${server.url}/runs/${kind}`, {
    assistant_id: "steps",
    input: { messages: [{ role: "user", content: "hi" }] },
    config: { configurable: { mark } },
  });

async function expectNothingLeft(): Promise<void> {
  for (const table of ["threads", "runs", "checkpoints", "checkpoint_blobs", "checkpoint_writes"]) {
    const { rows } = await server.db.query<{ count: number }>(`select count(*)::int as count from ${table}`);
    expect([table, rows[0]?.count]).toEqual([table, 0]);
  }
}

test(`${COUNT} very short runs that are waited for all answer with their own values, and leave nothing`, async () => {
  const answers = await Promise.all(
    words.map(async (word) => (await runWith("wait", word)).json() as Promise<{ items: string[] }>),
  );
  expect(answers.map(({ items }) => items)).toEqual(words.map((word) => ["a", "b", word]));
  await expectNothingLeft();
});

test(`${COUNT} very short runs that are streamed all tell their own values and their end, and leave nothing`, async () => {
  const streams = await Promise.all(
    words.map(async (word) => parseFrames(await (await runWith("stream", word)).text())),
  );
  expect(streams.map((frames) => dataOf(frames, "values").at(-1))).toEqual(
    words.map((word) => expect.objectContaining({ items: ["a", "b", word] })),
  );
  expect(streams.map((frames) => frames.at(-1)?.data)).toEqual(
    words.map(() => expect.objectContaining({ status: "success" })),
  );
  await expectNothingLeft();
});

test("runs in the background leave nothing, whether someone joins them in time or not", async () => {
  const { client } = server;
  const created = await Promise.all(
    words.map((mark) => client.runs.create(null, "steps", { input: {}, config: { configurable: { mark } } })),
  );
  // Those that are over by now are not found, and that is all that can be said of them.
  const joined = await Promise.allSettled(
    created.map(({ run_id }) => Array.fromAsync(client.runs.joinStream(null, run_id))),
  );
  for (const outcome of joined) {
    if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ status: 404 });
    else expect(outcome.value.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  }
  await expect
    .poll(async () => (await server.db.query("select 1 from threads")).rows, { timeout: 10_000 })
    .toEqual([]);
  await expectNothingLeft();
});
