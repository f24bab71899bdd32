import { expect, test } from "vitest";
import { totalOfLastPage } from "../../../src/server/domain/page.ts";

test.for([
  { what: "a page that is not full", limit: 10, offset: 20, found: 3, total: 23 },
  { what: "the only page, without anything", limit: 10, offset: 0, found: 0, total: 0 },
  { what: "a page that is full", limit: 10, offset: 20, found: 10, total: null },
  { what: "a page after the last", limit: 10, offset: 20, found: 0, total: null },
  { what: "a page of nothing", limit: 0, offset: 0, found: 0, total: null },
])("$what tells the total: $total", ({ total, found, ...page }) => {
  expect(totalOfLastPage(page, found)).toBe(total);
});
