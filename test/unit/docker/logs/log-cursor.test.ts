import { expect, test } from "vitest";
import { createLogCursor } from "../../../../src/docker/logs/log-cursor.ts";
import type { LogLine } from "../../../../src/docker/logs/read-log-lines.ts";

const line = (at: string, text: string, stream: LogLine["stream"] = "stdout"): LogLine => ({
  stream,
  ts: at,
  at,
  text,
});

/** What an engine gives for `since`: each line that is not older, in the order in which they were written. */
const since = (log: readonly LogLine[], from: string | null) =>
  log.filter(({ at }) => from === null || at >= from);

test("a log that is read in parts, from every place, gives each line once and in order", () => {
  const log: LogLine[] = [
    line("1795341600.000000001", "a"),
    // The same text at the same time: an engine with whole seconds writes many of them.
    line("1795341600.000000001", "a"),
    line("1795341600.000000001", "a"),
    line("1795341600.500000000", "b", "stderr"),
    // The streams get their timestamps apart from each other.
    line("1795341600.400000000", "c"),
    line("1795341603.000000000", "d"),
    line("1795341603.000000000", "e"),
    line("1795341602.900000000", "e"),
    line("1795341650.000000000", "f"),
  ];
  for (let cut = 0; cut <= log.length; cut += 1) {
    for (let second = cut; second <= log.length; second += 1) {
      const cursor = createLogCursor();
      const taken: LogLine[] = [];
      for (const end of [cut, second, log.length]) {
        const asked = since(log.slice(0, end), cursor.since());
        cursor.rewind();
        taken.push(...asked.filter((one) => cursor.take(one)));
      }
      expect(taken, `${cut}, ${second}`).toEqual(log);
    }
  }
});

test("what a limit has left out at first is not told afterwards", () => {
  const log = Array.from({ length: 50 }, (_, index) => line("1795341600.000000000", `line ${index}`));
  const cursor = createLogCursor();
  for (const one of log.slice(40)) cursor.take(one);
  cursor.rewind();
  expect(since([...log, line("1795341600.000000000", "new")], cursor.since()).filter(cursor.take)).toEqual([
    line("1795341600.000000000", "new"),
  ]);
});

test("lines that were rotated away in between hold up nothing", () => {
  const cursor = createLogCursor();
  cursor.take(line("1795341600.000000000", "gone"));
  cursor.rewind();
  const next = [line("1795341600.100000000", "b"), line("1795341600.200000000", "c")];
  expect(next.filter(cursor.take)).toEqual(next);
});

test("little is kept of a long log", () => {
  const cursor = createLogCursor();
  for (let index = 0; index < 20_000; index += 1) {
    expect(cursor.take(line(`${1_795_341_600 + index}.000000000`, "x"))).toBe(true);
  }
  expect(cursor.since()).toBe("1795361598.000000000");
});
