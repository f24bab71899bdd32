import { expect, test } from "vitest";
import { mergeByTime } from "../../../../src/docker/logs/merge-by-time.ts";

async function* sequence(name: string, ...times: number[]) {
  for (const at of times) yield { at: String(at), name };
}

test("sequences come in order of time, and in their own order where that says nothing", async () => {
  const merged = mergeByTime([sequence("a", 1, 4, 4), sequence("b"), sequence("c", 0, 4, 9)]);
  expect((await Array.fromAsync(merged)).map(({ at, name }) => name + at)).toEqual([
    "c0",
    "a1",
    "a4",
    "a4",
    "c4",
    "c9",
  ]);
  expect(await Array.fromAsync(mergeByTime([]))).toEqual([]);
});
