// Adds up the totals of all test runs in a log: `N passed, N failed, N skipped`.
import { readFileSync } from "node:fs";
import { stripVTControlCharacters } from "node:util";

const [, , file] = process.argv;
if (file === undefined) throw new Error("usage: totals.js LOG");

const totals = { passed: 0, failed: 0, skipped: 0 };
for (const line of stripVTControlCharacters(readFileSync(file, "utf8")).split("\n")) {
  if (!/^\s*Tests\s/.test(line)) continue;
  for (const [, count, kind] of line.matchAll(/(\d+) (passed|failed|skipped)/g))
    totals[kind] += Number(count);
}
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
