import { describe, expect, test } from "vitest";
import { readLogLines } from "../../../../src/docker/logs/read-log-lines.ts";
import { toFrame } from "../../../support/fake-log-engine.ts";

const AT = "2026-11-22T10:00:00.000000001Z";

async function* inChunks(data: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let start = 0; start < data.length; start += size) yield data.subarray(start, start + size);
}

const read = (data: Buffer, { size = 65_536, isTerminal = false } = {}) =>
  Array.fromAsync(readLogLines(inChunks(data, size), isTerminal));

const texts = async (...args: Parameters<typeof read>) => (await read(...args)).map(({ text }) => text);

describe("the lines of a log", () => {
  const log = Buffer.concat([
    toFrame("stdout", `${AT} one\n`),
    toFrame("stderr", "2026-11-22T11:00:00.5+01:00 zwei ✓\r\n"),
    toFrame("stdout", `${AT} \n`),
    toFrame("stdout", `${AT} without an end`),
  ]);

  test.each([1, 3, 7, 65_536])("are the same in chunks of %d bytes", async (size) => {
    expect(await read(log, { size })).toEqual([
      { stream: "stdout", ts: AT, at: "1795341600.000000001", text: "one" },
      {
        stream: "stderr",
        ts: "2026-11-22T11:00:00.5+01:00",
        at: "1795341600.500000000",
        text: "zwei ✓",
      },
      { stream: "stdout", ts: AT, at: "1795341600.000000001", text: "" },
      { stream: "stdout", ts: AT, at: "1795341600.000000001", text: "without an end" },
    ]);
  });

  test("are put together from parts, of which each has a timestamp, and the other stream may be between them", async () => {
    const euro = Buffer.from("€");
    const parts = Buffer.concat([
      toFrame("stdout", Buffer.concat([Buffer.from(`${AT} costs 5 `), euro.subarray(0, 1)])),
      toFrame("stderr", `${AT} other\n`),
      toFrame("stdout", Buffer.concat([Buffer.from(`${AT} `), euro.subarray(1), Buffer.from("!\n")])),
    ]);
    expect(await texts(parts)).toEqual(["other", "costs 5 €!"]);
  });

  test("of a terminal come without frames", async () => {
    const written = Buffer.from(`${AT} {"a":1}\r\n${AT} two\r\n`);
    for (const size of [1, 5, 1000]) {
      expect(await texts(written, { size, isTerminal: true })).toEqual(['{"a":1}', "two"]);
    }
  });

  test("are cut where a container writes without end", async () => {
    const part = toFrame("stdout", `${AT} ${"x".repeat(300_000)}`);
    const lengths = (await texts(Buffer.concat([part, part, part, part, part]))).map(({ length }) => length);
    expect(lengths).toEqual([1_200_000, 300_000]);
  });

  test("are many in one chunk, without ending in a deep recursion", async () => {
    const many = Buffer.concat(Array.from({ length: 40_000 }, () => toFrame("stdout", `${AT} x\n`)));
    expect(await texts(many)).toHaveLength(40_000);
  });

  test("end with the error that the engine reports among them, or with what are no frames", async () => {
    const header = Buffer.from([3, 0, 0, 0, 0, 0, 0, 4]);
    await expect(read(Buffer.concat([header, Buffer.from("oops")]))).rejects.toThrow("oops");
    await expect(read(Buffer.from("<html>what is this?</html>"))).rejects.toThrow("no log of a container");
  });

  test("do not have the line within which the connection broke", async () => {
    async function* broken(): AsyncGenerator<Buffer> {
      yield toFrame("stdout", `${AT} whole\n`);
      yield toFrame("stdout", `${AT} hal`);
      throw new Error("reset");
    }
    const seen: string[] = [];
    const reading = async () => {
      for await (const { text } of readLogLines(broken(), false)) seen.push(text);
    };
    await expect(reading()).rejects.toThrow("reset");
    expect(seen).toEqual(["whole"]);
  });
});
