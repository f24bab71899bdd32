import { expect, test } from "vitest";
import { PACKAGE_MANAGERS } from "../../../src/scaffold/package-manager.ts";
import { planProject } from "../../../src/scaffold/plan.ts";
import { listTemplates } from "../../../src/scaffold/templates.ts";
import { projectOptions } from "../../support/scaffold.ts";

const templates = (await listTemplates()).map(({ name }) => name);

const pathsOf = async (options: Parameters<typeof projectOptions>[0]) =>
  planProject(await projectOptions(options)).map(({ path }) => path);

test("the templates are the folders, without what they share", () => {
  expect(templates).toEqual(["chatbot", "react-agent"]);
});

test.each(templates)("%s has everything a project needs, under the names it has there", async (template) => {
  expect(await pathsOf({ template })).toEqual(
    expect.arrayContaining([
      ".env",
      ".env.example",
      ".gitignore",
      "README.md",
      "aegra.json",
      "package.json",
      "scripts/chat.ts",
      "src/agent.ts",
      "src/model.ts",
      "tsconfig.json",
    ]),
  );
});

test.each(templates)("%s plans no file twice and no template's own name", async (template) => {
  for (const packageManager of PACKAGE_MANAGERS) {
    const paths = await pathsOf({ template, packageManager });
    expect(new Set(paths).size).toBe(paths.length);
    expect(paths.filter((path) => path.endsWith(".ejs") || path.includes("template.json"))).toEqual([]);
  }
});

test("only .env is for the owner's eyes and never replaced", async () => {
  const plan = planProject(await projectOptions());

  expect(plan.filter(({ secret }) => secret).map(({ path }) => path)).toEqual([".env"]);
  expect(plan.filter(({ mode }) => mode === 0o600).map(({ path }) => path)).toEqual([".env"]);
});

test("a file that one package manager reads is planned for that one only", async () => {
  const special = async (packageManager: (typeof PACKAGE_MANAGERS)[number]) =>
    (await pathsOf({ packageManager })).filter((path) => /pnpm|yarn/.test(path));

  expect(await special("npm")).toEqual([]);
  expect(await special("bun")).toEqual([]);
  expect(await special("pnpm")).toEqual(["pnpm-workspace.yaml"]);
  expect(await special("yarn")).toEqual([".yarnrc.yml"]);
});

test("an unknown template is answered with those there are", async () => {
  await expect(projectOptions({ template: "chatbto" })).rejects.toMatchObject({
    name: "ScaffoldError",
    message: expect.stringContaining("chatbto"),
    suggestions: [expect.stringContaining("chatbot, react-agent")],
  });
});
