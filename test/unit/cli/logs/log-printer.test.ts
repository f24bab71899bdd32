import { describe, expect, test } from "vitest";
import { paintFor } from "../../../../src/cli/logs/format-line.ts";
import { createTextPrinter, type TextFormat, toJsonLine } from "../../../../src/cli/logs/log-printer.ts";
import type { LogEvent } from "../../../../src/docker/logs/log-event.ts";
import type { StreamName } from "../../../../src/docker/logs/read-frames.ts";

const TS = "2026-11-22T10:00:00.123456789Z";
const api = { id: "1", name: "p-api-1", service: "api", index: 1 };
const worker = { id: "2", name: "p-worker-12", service: "worker", index: 12 };

const printer = (format: Partial<TextFormat> = {}) =>
  createTextPrinter({
    paint: paintFor(false),
    isPretty: true,
    timestamps: null,
    hasPrefix: true,
    nowMs: () => Date.parse(TS) + 65_000,
    ...format,
  });

const line = (text: string, container = api, stream: StreamName = "stdout"): LogEvent => ({
  kind: "line",
  container,
  line: { stream, ts: TS, at: "1795341600.123456789", text },
  source: "history",
});

const OWN = JSON.stringify({
  level: 40,
  time: 1,
  pid: 7,
  hostname: "h",
  run_id: "r1",
  retries: 2,
  msg: "run lost",
  err: { type: "Error", message: "boom", stack: "Error: boom\n    at x.ts:1" },
});

describe("lines for people", () => {
  test("begin with the container, as wide as the widest so far, and tell the streams apart", () => {
    const print = printer();
    expect(print(line("one", worker))).toBe("worker-12 │ one\n");
    expect(print(line("two", api, "stderr"))).toBe("api-1     ┃ two\n");
    expect(printer({ hasPrefix: false })(line("two"))).toBe("two\n");
  });

  test("put what the server logs into words, with the error it is about", () => {
    expect(printer({ hasPrefix: false })(line(OWN))).toBe(
      "WARN  run lost run_id=r1 retries=2\n    Error: boom\n        at x.ts:1\n",
    );
    expect(printer({ hasPrefix: false, isPretty: false })(line(OWN))).toBe(`${OWN}\n`);
    expect(printer({ hasPrefix: false })(line('{"total":3}'))).toBe('{"total":3}\n');
  });

  test("begin with the time in the form that is asked for", () => {
    const timed = (timestamps: TextFormat["timestamps"]) =>
      printer({ hasPrefix: false, timestamps })(line("x"));
    expect(timed("iso")).toBe(`${TS} x\n`);
    expect(timed("relative")).toBe("  1m ago x\n");
    expect(timed("local")).toMatch(/^\d\d:\d\d:00\.123 x\n$/);
  });

  test("have the colour of their service, the same each time", () => {
    const paint = paintFor(true);
    const colour = (service: string) => {
      const text = printer({ paint })(line("x", { ...api, service })) ?? "";
      return text.slice(0, text.indexOf(service));
    };
    expect(colour("api")).toBe(colour("api"));
    expect(new Set(["api", "worker", "postgres", "redis"].map(colour)).size).toBeGreaterThan(1);
  });

  test("tell what happens to containers, and nothing of the engine", () => {
    const print = printer();
    expect(print({ kind: "exited", container: api, ts: TS, exitCode: 137, oom: true })).toBe(
      "api-1 │ ⏹ exited (137), out of memory\n",
    );
    expect(print({ kind: "started", container: api, ts: TS })).toBe("api-1 │ ▶ started\n");
    expect(print({ kind: "waiting" })).toBeNull();
  });
});

describe("lines for programs", () => {
  const parsed = (event: LogEvent) => JSON.parse(toJsonLine(event) ?? "null");
  const names = { service: "api", index: 1, container: "p-api-1" };

  test("have these keys", () => {
    expect(parsed(line("\u001b[31mtext"))).toEqual({
      ...{ ts: TS, ...names, stream: "stdout", line: "\u001b[31mtext", source: "history" },
    });
    expect(parsed(line('{"level":30}'))).toMatchObject({ line: '{"level":30}', fields: { level: 30 } });
    expect(parsed({ kind: "exited", container: api, ts: TS, exitCode: 1, oom: false })).toEqual({
      ...{ event: "exited", ts: TS, ...names, exitCode: 1, oom: false },
    });
    expect(parsed({ kind: "reconnected" })).toEqual({ event: "reconnected" });
    expect(toJsonLine({ kind: "waiting" })).toBeNull();
  });
});
