import http from "node:http";
import { expect, onTestFinished, test } from "vitest";
import { createGate } from "../../fixtures/graphs/gates.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { openStream } from "../../support/open-stream.ts";
import { testServer } from "../../support/server.ts";
import { serverProcess } from "../../support/server-process.ts";
import { type Frame, parseFrames } from "../../support/wire.ts";

const MIB = 2 ** 20;

/** Each says 64 KiB. */
const EVENTS = 1600;

/** A client that asks for a stream and reads nothing of it until it is told to. */
async function slowReader(url: string) {
  const request = http.get(url, { agent: false });
  onTestFinished(() => void request.destroy());
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    request.once("response", resolve).once("error", reject);
  });
  response.pause();
  return {
    /** Reads to the end, or to a text that comes last. */
    async readAll(last = "\n\n\n"): Promise<Frame[]> {
      const chunks: Buffer[] = [];
      for await (const chunk of response) {
        chunks.push(chunk as Buffer);
        if (Buffer.concat(chunks.slice(-2)).includes(last)) break;
      }
      return parseFrames(Buffer.concat(chunks).toString());
    },
  };
}

const numbersOf = (frames: readonly Frame[]): number[] =>
  frames.filter(({ event }) => event === "custom").map(({ data }) => Number(String(data).split(" ")[0]));

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("clients that stop reading do not keep a run of 100 MB from its end, and the memory of the server stays bounded", async () => {
  const { url, client } = await serverProcess(await testDatabaseUrl(), {
    AEGRA_RUN_EVENTS_MAX_BYTES: String(8 * MIB),
  });
  const usedBytes = async () => {
    const state = (await client.runs.wait(null, "usage", { input: {} })) as { usedBytes: number };
    return state.usedBytes;
  };
  const { thread_id } = await client.threads.create();
  // Whatever is loaded or compiled once is there before it is measured.
  await client.runs.wait(thread_id, "flood", { input: { count: 10 } });
  const before = await usedBytes();

  const ofThread = await slowReader(`${url}/threads/${thread_id}/stream`);
  const { run_id } = await client.runs.create(thread_id, "flood", {
    input: { count: EVENTS },
    streamMode: "custom",
    afterSeconds: 0.5,
  });
  const path = `${url}/threads/${thread_id}/runs/${run_id}/stream`;
  const ofRun = await Promise.all([1, 2, 3].map(() => slowReader(path)));
  await client.runs.join(thread_id, run_id);

  expect(await client.runs.get(thread_id, run_id)).toMatchObject({ status: "success" });
  expect((await usedBytes()) - before).toBeLessThan(40 * MIB);

  // What is no longer in memory they get from the database.
  for (const reader of ofRun) {
    const frames = await reader.readAll();
    expect(numbersOf(frames)).toEqual(upTo(EVENTS));
    expect(frames.at(-1)).toMatchObject({ event: "end", data: { status: "success" } });
  }
  expect(numbersOf(await ofThread.readAll("run_done"))).toEqual(upTo(EVENTS));
}, 60_000);

test("a client that keeps pace gets all of a run of 100 MB, next to others that do not read", async () => {
  const { url, client } = await testServer({
    graphs: { flood: "flood.ts:graph" },
    environment: { maxRunEventBytes: 8 * MIB },
  });
  const gates = Array.from({ length: 32 }, createGate);
  const { thread_id } = await client.threads.create();
  const { run_id } = await client.runs.create(thread_id, "flood", {
    input: { count: EVENTS / gates.length, gates: gates.map(({ name }) => name) },
    streamMode: "custom",
  });
  const path = `${url}/threads/${thread_id}/runs/${run_id}/stream`;
  const slow = await slowReader(path);
  const [ofRun, ofThread] = [await openStream(path), await openStream(`${url}/threads/${thread_id}/stream`)];
  for (const [index, gate] of gates.entries()) {
    gate.open();
    const isCurrent = (frames: readonly Frame[]) =>
      frames.filter(({ event }) => event === "custom").length === ((index + 1) * EVENTS) / gates.length;
    await Promise.all([ofRun.until(isCurrent), ofThread.until(isCurrent)]);
  }
  const all = await ofRun.ended();
  expect(numbersOf(all)).toEqual(upTo(EVENTS));
  expect(all.at(-1)).toMatchObject({ event: "end" });
  expect(numbersOf(ofThread.frames)).toEqual(upTo(EVENTS));
  expect(numbersOf(await slow.readAll())).toEqual(upTo(EVENTS));
}, 60_000);

test("a run that never pauses takes nothing from a client that reads as fast as it can", async () => {
  const { url, client } = await testServer({
    graphs: { flood: "flood.ts:graph" },
    environment: { maxRunEventBytes: 8 * MIB },
  });
  const { thread_id } = await client.threads.create();
  const stream = await openStream(`${url}/threads/${thread_id}/stream`);
  await client.runs.create(thread_id, "flood", { input: { count: 400 }, streamMode: "custom" });
  await stream.until((frames) => frames.at(-1)?.event === "metadata" && frames.length > 1);
  expect(numbersOf(stream.frames)).toEqual(upTo(400));
}, 60_000);
