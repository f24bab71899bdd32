import { describe, expect, test } from "vitest";
import { createLineFilter, isFilter } from "../../../../src/cli/logs/log-filter.ts";
import { LEVELS, type Level, toLogRecord } from "../../../../src/cli/logs/log-record.ts";
import type { StreamName } from "../../../../src/docker/logs/read-frames.ts";

const NOTHING = { level: null, grep: null, run: null, thread: null } as const;
const container = { id: "1", name: "p-api-1", service: "api", index: 1 };

const line = (text: string, stream: StreamName = "stdout") => ({ stream, ts: "", at: "", text });

describe("the level of a line", () => {
  test.each<[string, Level | null]>([
    ['{"level":30,"msg":"server ready"}', "info"],
    ['{"level":50,"err":{}}', "error"],
    ['{"level":35}', "info"],
    ['{"level":"warning","message":"winston"}', "warn"],
    ['{"severity":"CRITICAL"}', "fatal"],
    ['{"msg":"no level"}', null],
    ['{"level":30', null],
    ["[1,2]", null],
    ["hello", null],
    ["2026-11-22 21:49:40.123 UTC [1] LOG:  database system is ready to accept connections", "info"],
    ['2026-11-22 21:49:40.123 UTC [63] ERROR:  relation "x" does not exist at character 15', "error"],
    ["2026-11-22 21:49:40.123 UTC [63] app@db FATAL:  sorry, too many clients already", "error"],
    ["1:M 22 Nov 2026 21:49:40.123 # WARNING Memory overcommit must be enabled!", "warn"],
    ["1:M 22 Nov 2026 21:49:40.123 * Ready to accept connections tcp", "info"],
  ])("of %s is %s", (text, level) => expect(toLogRecord(text).level).toBe(level));
});

describe("which lines are wanted", () => {
  const wanted = (
    wishes: Partial<Parameters<typeof createLineFilter>[0]>,
    ...lines: ReturnType<typeof line>[]
  ) => {
    const keep = createLineFilter({ ...NOTHING, ...wishes });
    return lines.filter((one) => keep(container, one)).map(({ text }) => text);
  };

  test("are all, where nothing is asked for", () => {
    expect(isFilter(NOTHING)).toBe(false);
    expect(isFilter({ ...NOTHING, run: "1" })).toBe(true);
    expect(wanted({}, line("a"), line("", "stderr"))).toEqual(["a", ""]);
  });

  test("are those of a level and graver ones", () => {
    const lines = [10, 20, 30, 40, 50, 60].map((level) => line(JSON.stringify({ level })));
    for (const [index, level] of LEVELS.entries())
      expect(wanted({ level }, ...lines)).toHaveLength(6 - index);
  });

  test("without a level are judged by their stream, and indented ones by the line before", () => {
    const lines = [
      line("plain"),
      line("Error: boom", "stderr"),
      line("    at file.ts:1", "stderr"),
      line("2026-11-22 21:49:40.123 UTC [63] LOG:  statement", "stderr"),
      line("\tof several lines", "stderr"),
    ];
    expect(wanted({ level: "error" }, ...lines)).toEqual(["Error: boom", "    at file.ts:1"]);
    expect(wanted({ level: "info" }, ...lines)).toHaveLength(5);
  });

  test("are those of a run or a thread, and no others", () => {
    const of = (fields: object) => line(JSON.stringify({ level: 30, ...fields }));
    const run = "1f0c8a2e-0000-6000-8000-000000000001";
    const lines = [
      of({ run_id: run, thread_id: "t1" }),
      of({ run_id: "other" }),
      of({}),
      line(`says ${run}`),
    ];
    expect(wanted({ run }, ...lines)).toEqual([lines[0]?.text]);
    expect(wanted({ run: "1F0C8A2E" }, ...lines)).toEqual([lines[0]?.text]);
    expect(wanted({ run, thread: "t2" }, ...lines)).toEqual([]);
    expect(wanted({ thread: "t1", grep: /run_id/ }, ...lines)).toHaveLength(1);
  });
});
