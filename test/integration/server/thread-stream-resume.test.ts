import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { type OpenStream, openStream } from "../../support/open-stream.ts";
import { startTestServer, testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { type Frame, namesOf } from "../../support/wire.ts";

const GRAPHS = { steps: "steps.ts:graph", slow: "slow.ts:graph", flood: "flood.ts:graph" };
const server = sharedServer({ graphs: GRAPHS });

const HI = { messages: [{ role: "user", content: "hi" }] };
const ALL = "?stream_modes=run_modes&stream_modes=state_update";

type Served = Pick<typeof server, "url" | "client">;

const open = ({ url }: Served, threadId: string, after: string | null, query = ALL): Promise<OpenStream> =>
  openStream(`${url}/threads/${threadId}/stream${query}`, after === null ? {} : { "last-event-id": after });

async function execute({ client }: Served, threadId: string): Promise<void> {
  const { run_id } = await client.runs.create(threadId, "steps", { input: HI, streamMode: "updates" });
  await client.runs.join(threadId, run_id);
}

const states = (count: number) => (frames: readonly Frame[]) =>
  frames.filter(({ event }) => event === "state_update").length >= count;

describe("a stream of a thread that is joined again", () => {
  test("goes on with exactly the rest, from every place, over runs and updates of the state", async () => {
    const { thread_id } = await server.client.threads.create();
    const stream = await open(server, thread_id, null);
    await execute(server, thread_id);
    await server.client.threads.updateState(thread_id, { values: { items: ["x"] }, asNode: "c" });
    await execute(server, thread_id);
    const all = await stream.until(states(3));
    expect(all).toHaveLength(15);

    for (const start of ["-", "-1"]) {
      expect(await (await open(server, thread_id, start)).until(states(3))).toEqual(all);
    }
    const rests = await Promise.all(
      all.map(async ({ id }, index) => {
        const left = all.slice(index + 1);
        const joined = await open(server, thread_id, id);
        return { left, joined };
      }),
    );
    // Something more comes for everyone, so that what comes before it is all there was.
    await server.client.threads.updateState(thread_id, { values: { items: ["last"] }, asNode: "c" });
    const [last] = (await stream.until(states(4))).slice(-1);
    for (const { left, joined } of rests) {
      expect(await joined.until((frames) => frames.some(({ id }) => id === last?.id))).toEqual([
        ...left,
        last,
      ]);
    }
  });

  test("goes on in the middle of a run that goes on", async () => {
    const { client } = server;
    const { thread_id } = await client.threads.create();
    await execute(server, thread_id);
    const stream = await open(server, thread_id, "-", "");
    const gate = createGate();
    await client.runs.create(thread_id, "slow", {
      input: { ...HI, gate: gate.name },
      streamMode: ["updates", "custom"],
    });
    const seen = await stream.until((frames) => namesOf(frames).includes("custom"));
    const joined = await Promise.all(seen.map(({ id }) => open(server, thread_id, id, "")));
    gate.open();
    const isOver = (frames: readonly Frame[]) => namesOf(frames.slice(-2)).join() === "end,metadata";
    const all = await stream.until((frames) => frames.length > seen.length && isOver(frames));
    for (const [index, one] of joined.entries()) {
      const rest = all.slice(index + 1);
      expect(await one.until(({ length }) => length >= rest.length)).toEqual(rest);
    }
  });

  test("does not repeat the beginning of a run to a client that only hears of those", async () => {
    const { thread_id } = await server.client.threads.create();
    await execute(server, thread_id);
    const first = await open(server, thread_id, "-", "?stream_modes=lifecycle");
    const [began, ended] = await first.until(({ length }) => length >= 2);
    const again = await open(server, thread_id, began?.id ?? "", "?stream_modes=lifecycle");
    expect(await again.until(({ length }) => length >= 1)).toEqual([ended]);
  });

  test("is refused with an id that is none of a thread's", async () => {
    const { thread_id } = await server.client.threads.create();
    for (const id of ["x", "12", "-2", "1-", "1-2-3-4", "1718000000000-0x", "9".repeat(40)]) {
      const response = await fetch(`${server.url}/threads/${thread_id}/stream`, {
        headers: { "last-event-id": id },
      });
      expect(response.status, id).toBe(422);
      expect(await response.json()).toMatchObject({
        details: { issues: [{ path: "Last-Event-ID", message: expect.stringContaining("event ids") }] },
      });
    }
  });
});

test("ids go on rising after a restart, and an id from before is answered with what came after it", async () => {
  const before = await testServer({ graphs: GRAPHS });
  const { thread_id } = await before.client.threads.create();
  const stream = await open(before, thread_id, null);
  await execute(before, thread_id);
  const seen = await stream.until(states(1));
  await before.close();

  const after = await startTestServer(before.databaseUrl, { graphs: GRAPHS });
  try {
    await execute(after, thread_id);
    const again = await open(after, thread_id, seen.at(-1)?.id ?? "");
    const frames = await again.until(states(1));
    expect(namesOf(frames)).toEqual(namesOf(seen));
    const ids = [...seen, ...frames].map(({ id }) => (id ?? "").split("-").map(Number));
    expect(ids).toEqual(
      ids.toSorted(([a = 0, b = 0, c = 0], [d = 0, e = 0, f = 0]) => a - d || b - e || c - f),
    );
    expect(new Set(ids.map(String)).size).toBe(ids.length);
  } finally {
    await after.close();
  }
});

describe("what is no longer kept", () => {
  test("in memory is read from the database", async () => {
    const small = await testServer({ graphs: GRAPHS, environment: { maxRunEventBytes: 512 * 1024 } });
    const { client } = small;
    const { thread_id } = await client.threads.create();
    const stream = await open(small, thread_id, null, "?stream_modes=lifecycle");
    const input = { count: 64 };
    const { run_id } = await client.runs.create(thread_id, "flood", { input, streamMode: "custom" });
    const [began] = await stream.until(({ length }) => length >= 2);

    const isOver = (frames: readonly Frame[]) => frames.length > 2 && namesOf(frames).at(-1) === "metadata";
    const late = await (await open(small, thread_id, began?.id ?? "", "")).until(isOver);
    expect(namesOf(late).filter((name) => name === "custom")).toHaveLength(64);
    expect(namesOf(late).slice(-3)).toEqual(["custom", "end", "metadata"]);
    expect(late.at(-1)?.data).toEqual({ status: "run_done", run_id });
    expect(await (await open(small, thread_id, "-", "")).until(isOver)).toEqual(late);
  });

  test("is told of runs that are forgotten, but not to a client that has seen them", async () => {
    const brief = await testServer({ graphs: GRAPHS, environment: { resumableTtlMs: 1 } });
    const { thread_id } = await brief.client.threads.create();
    const stream = await open(brief, thread_id, null, "?stream_modes=lifecycle");
    await execute(brief, thread_id);
    const [began, ended] = await stream.until(({ length }) => length >= 2);
    stream.close();

    await expect
      .poll(async () =>
        namesOf(await (await open(brief, thread_id, began?.id ?? "", "")).until(({ length }) => length > 0)),
      )
      .toEqual(["error"]);
    const quiet = await open(brief, thread_id, ended?.id ?? "", "?stream_modes=lifecycle");
    await execute(brief, thread_id);
    expect(namesOf(await quiet.until(({ length }) => length >= 2))).toEqual(["metadata", "metadata"]);
  });
});
