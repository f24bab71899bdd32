import { describe, expect, test } from "vitest";
import { checkName, findNameProblem, toName } from "../../../src/scaffold/project-name.ts";

test.each(["agent", "my-agent", "a.b_c~d", "@acme/robot", "1st"])("%s is a name", (name) => {
  expect(findNameProblem(name)).toBeNull();
});

test.each([
  ["", "needed"],
  ["My-Agent", "capital"],
  [".hidden", "cannot start"],
  ["_private", "cannot start"],
  ["two words", "only letters"],
  ["@acme/", "only letters"],
  ["../evil", "only letters"],
  ["node_modules", "reserves"],
  ["a".repeat(215), "longer"],
])("%j is refused, with the reason", (name, reason) => {
  expect(findNameProblem(name)).toContain(reason);
});

test("a refused name comes with one that would do", () => {
  expect(() => checkName("My Agent")).toThrow(
    expect.objectContaining({ name: "ScaffoldError", suggestions: [expect.stringContaining("my-agent")] }),
  );
});

describe("the default name", () => {
  test.each([
    ["/home/ada/My Agent", "my-agent"],
    ["/home/ada/.config", "config"],
    ["/home/ada/Ärger", "rger"],
    ["/", "my-agent"],
    ["/home/ada/日本", "my-agent"],
    ["/home/ada/node_modules", "my-agent"],
  ])("of %s is %s", (directory, name) => {
    expect(toName(directory)).toBe(name);
  });
});
