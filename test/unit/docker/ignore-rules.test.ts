import { expect, test } from "vitest";
import { isIgnored, parseIgnoreRules } from "../../../src/docker/ignore-rules.ts";

test.each([
  ["node_modules", "node_modules/x/index.js", true],
  ["node_modules", "packages/a/node_modules/x.js", false],
  ["**/node_modules", "packages/a/node_modules/x.js", true],
  ["**/node_modules", "node_modules/x.js", true],
  ["/build/", "build/x", true],
  ["*.md", "README.md", true],
  ["*.md", "docs/README.md", false],
  ["**/*.md", "docs/README.md", true],
  ["docs/**", "docs/a/b", true],
  ["doc?", "docs/a", true],
  ["[a-c].txt", "b.txt", true],
  ["[!a].txt", "a.txt", false],
  ["# a comment\n\n  .git  ", ".git/config", true],
  ["*.md\n!README.md", "README.md", false],
  ["*.md\n!README.md\nREADME*", "README.md", true],
  ["secret\n!secret/public", "secret/public/x", false],
  ["secret\n!secret/public", "secret/private", true],
  ["**\n!src", "src/agent.ts", false],
  ["a+b(c).txt", "a+b(c).txt", true],
  ["a.txt", "abtxt", false],
  ["\\*.txt", "x.txt", false],
  ["\\*.txt", "*.txt", true],
])("%j leaves %s out: %s", (rules, path, expected) => {
  expect(isIgnored(parseIgnoreRules(rules), path)).toBe(expected);
});
