import { describe, expect, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { openStream } from "../../support/open-stream.ts";
import { testServer } from "../../support/server.ts";
import { sharedServer } from "../../support/shared-server.ts";
import { type Frame, namesOf, parseFrames, rawRequest, runIdOf, streamFrames } from "../../support/wire.ts";

const graphs = {
  agent: "chat.ts:graph",
  steps: "steps.ts:graph",
  mounted: "nested.ts:mounted",
  slow: "slow.ts:graph",
  flood: "flood.ts:graph",
};

const server = sharedServer({ graphs });

const HI = { messages: [{ role: "user", content: "hi" }] };

describe("a stream that is joined again", () => {
  /** The events after one that a client has seen; null for a client that has seen none. */
  async function join(
    threadId: string,
    runId: string,
    lastEventId: string | null,
    query = "",
  ): Promise<Frame[]> {
    const response = await fetch(`${server.url}/threads/${threadId}/runs/${runId}/stream${query}`, {
      headers: lastEventId === null ? {} : { "last-event-id": lastEventId },
    });
    expect(response.status).toBe(200);
    return parseFrames(await response.text());
  }

  test("goes on after the run with exactly the rest, from every place", async () => {
    const { thread_id } = await server.client.threads.create();
    const all = await streamFrames(`${server.url}/threads/${thread_id}/runs/stream`, {
      assistant_id: "agent",
      input: HI,
      stream_mode: ["values", "updates", "messages-tuple"],
    });
    const run_id = runIdOf(all);
    expect(all).toHaveLength(8);

    for (const start of [null, "-1", "-", "0"]) expect(await join(thread_id, run_id, start)).toEqual(all);
    for (const [index, { id }] of all.entries()) {
      expect(await join(thread_id, run_id, id)).toEqual(all.slice(index + 1));
    }
  });

  test("of a run that waits for its turn has begun, and goes on with what comes of it", async () => {
    const { client, url } = server;
    const { thread_id } = await client.threads.create();
    const { chunks } = rawRequest(`${url}/threads/${thread_id}/runs/stream`, {
      method: "POST",
      body: { assistant_id: "agent", input: HI, after_seconds: 600 },
    });
    const read = async () => parseFrames((await chunks.next()).value ?? "");
    const first = await read();
    const run_id = runIdOf(first);
    expect(first).toEqual([{ event: "metadata", data: { run_id, attempt: 1 }, id: "1" }]);
    const joined = join(thread_id, run_id, "1");
    await client.runs.cancel(thread_id, run_id, true, "interrupt");
    const end = { event: "end", data: { run_id, status: "interrupted" }, id: "2" };
    expect([await read(), await joined]).toEqual([[end], [end]]);
  });

  test("goes on during the run with exactly the rest, from every place", async () => {
    const { client, url } = server;
    const gate = createGate();
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, "slow", {
      input: { ...HI, gate: gate.name },
      streamMode: ["updates", "custom"],
    });
    await gate.arrived;
    const early = client.runs.joinStream(thread_id, run_id, { lastEventId: "-1" });
    const seen = [];
    for await (const { id } of early) {
      seen.push(id ?? null);
      if (seen.length === 3) break;
    }

    const joined = [null, ...seen].map((id) => join(thread_id, run_id, id));
    gate.open();
    const [all = [], ...rests] = await Promise.all(joined);
    expect(namesOf(all)).toEqual(["metadata", "updates", "custom", "updates", "updates", "end"]);
    expect(seen).toEqual(all.slice(0, 3).map(({ id }) => id));
    for (const [index, rest] of rests.entries()) expect(rest).toEqual(all.slice(index + 1));
    expect(await (await fetch(`${url}/threads/${thread_id}/runs/${run_id}`)).json()).toMatchObject({
      status: "success",
    });
  });

  test("can be narrowed to some of its modes, in the list formats of all clients", async () => {
    const { thread_id } = await server.client.threads.create();
    const all = await streamFrames(`${server.url}/threads/${thread_id}/runs/stream`, {
      assistant_id: "mounted",
      input: HI,
      stream_mode: ["values", "updates", "tasks"],
      stream_subgraphs: true,
    });
    const run_id = runIdOf(all);
    const wanted = all.filter(({ event }) => !event.startsWith("values"));
    for (const query of ["?stream_mode=updates&stream_mode=tasks", '?stream_mode=["updates","tasks"]']) {
      expect(await join(thread_id, run_id, null, query)).toEqual(wanted);
    }
  });

  test("is refused with an id that is none of ours, and for a run that is not there", async () => {
    const { thread_id } = await server.client.threads.create();
    const { run_id } = await server.client.runs.create(thread_id, "steps", { input: HI });
    const path = `${server.url}/threads/${thread_id}/runs`;
    const bad = await fetch(`${path}/${run_id}/stream`, { headers: { "last-event-id": "1718-0" } });
    expect(bad.status).toBe(422);
    expect((await fetch(`${path}/${crypto.randomUUID()}/stream`)).status).toBe(404);
    expect((await fetch(`${server.url}/threads/${crypto.randomUUID()}/runs/${run_id}/stream`)).status).toBe(
      404,
    );
  });
});

describe("those who join a run", () => {
  const open = (url: string, threadId: string, runId: string, after?: string) =>
    openStream(
      `${url}/threads/${threadId}/runs/${runId}/stream`,
      after === undefined ? {} : { "last-event-id": after },
    );

  test.each([true, false])(
    "all get every event, be it during the run or after it (resumable: %s)",
    async (streamResumable) => {
      const { client, url } = server;
      const gate = createGate();
      const { thread_id } = await client.threads.create();
      const { run_id } = await client.runs.create(thread_id, "slow", {
        input: { ...HI, gate: gate.name },
        streamMode: ["updates", "custom", "values"],
        streamResumable,
      });
      await gate.arrived;
      // The first to join names no event, which must not keep the others from naming one.
      const joined = [await open(url, thread_id, run_id), await open(url, thread_id, run_id, "-1")];
      await joined[0]?.until((frames) => namesOf(frames).includes("custom"));
      joined.push(await open(url, thread_id, run_id, "-1"));
      gate.open();
      const [all = [], ...others] = await Promise.all(joined.map((stream) => stream.ended()));
      expect(all.length).toBeGreaterThan(8);
      expect(namesOf(all).at(-1)).toBe("end");
      for (const frames of others) expect(frames).toEqual(all);

      for (const start of [undefined, "-1", "-"]) {
        expect(await (await open(url, thread_id, run_id, start)).ended()).toEqual(all);
      }
      const [middle, last] = [all[4], all.at(-1)];
      expect(await (await open(url, thread_id, run_id, middle?.id ?? "")).ended()).toEqual(all.slice(5));
      expect(await (await open(url, thread_id, run_id, last?.id ?? "")).ended()).toEqual([]);
    },
  );

  test("after its beginning has left the memory of the server get it all the same", async () => {
    const { client, url } = await testServer({ graphs, environment: { maxRunEventBytes: 512 * 1024 } });
    const { thread_id } = await client.threads.create();
    const { run_id } = await client.runs.create(thread_id, "flood", {
      input: { count: 64 },
      streamMode: "custom",
    });
    await client.runs.join(thread_id, run_id);

    const all = await (await open(url, thread_id, run_id, "-1")).ended();
    const said = all
      .filter(({ event }) => event === "custom")
      .map(({ data }) => Number.parseInt(String(data), 10));
    expect(said).toEqual(Array.from({ length: 64 }, (_, index) => index));
    expect(all.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
    const middle = all[30];
    expect(await (await open(url, thread_id, run_id, middle?.id ?? "")).ended()).toEqual(all.slice(31));
  });
});
