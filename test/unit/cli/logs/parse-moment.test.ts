import { expect, test } from "vitest";
import { parseMoment } from "../../../../src/cli/logs/parse-moment.ts";

const NOW = Date.parse("2026-11-22T10:00:00.250Z");

test.each([
  ["10m", "1795341000.250000000"],
  ["1h30m", "1795336200.250000000"],
  ["2d", "1795168800.250000000"],
  ["1.5s", "1795341598.750000000"],
  ["2026-11-22T10:00:00Z", "1795341600.000000000"],
  ["2026-11-22T10:00:00.000000001Z", "1795341600.000000001"],
  ["2026-11-22T11:00:00.5+01:00", "1795341600.500000000"],
  ["1795341600", "1795341600.000000000"],
  ["1795341600.000000007", "1795341600.000000007"],
  ["0", "0.000000000"],
])("%s is %s", (text, moment) => expect(parseMoment(text, NOW)).toBe(moment));

test("a time without a zone is one of this machine, and so is a day", () => {
  const local = (text: string) => `${Date.parse(text) / 1000}.000000000`;
  expect(parseMoment("2026-11-22T10:00", NOW)).toBe(local("2026-11-22T10:00:00"));
  expect(parseMoment("2026-11-22", NOW)).toBe(local("2026-11-22T00:00:00"));
});

test.each(["", "yesterday", "10", "10x", "-5m", "2026-13-01T00:00:00Z", "2026-11-22T", "m", "1e9"])(
  "%j is no moment, or a number of seconds",
  (text) => expect(parseMoment(text, NOW)).toBe(text === "10" ? "10.000000000" : null),
);
