import { existsSync, globSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";

const pages = [...globSync("*.md"), ...globSync("docs/**/*.md")];

describe("docs/architecture.md", () => {
  const page = readFileSync("docs/architecture.md", "utf8");
  const section = page.split("## Invariants")[1]?.split("\n## ")[0] ?? "";
  const invariants = section.split(/\n(?=\d+\. )/).slice(1);

  test("there are invariants to check", () => expect(invariants.length).toBeGreaterThan(10));

  test.each(invariants)("the test that it names exists: %s", (invariant) => {
    const [, file = "", title = ""] = /`(test\/[^`]+)`: "([^"]+)"/.exec(invariant) ?? [];
    expect(existsSync(file), file).toBe(true);
    expect(readFileSync(file, "utf8")).toContain(`"${title}"`);
  });
});

const linked = pages.flatMap((page) => localLinks(page).map((link) => ({ page, link })));

test.each(linked)("$page: the link to $link leads somewhere", ({ page, link }) => {
  expect(existsSync(path.join(path.dirname(page), link))).toBe(true);
});

function localLinks(page: string): string[] {
  const links = [...readFileSync(page, "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)];
  return links.map(([, link]) => link ?? "").filter((link) => !/^[a-z]+:/.test(link));
}
