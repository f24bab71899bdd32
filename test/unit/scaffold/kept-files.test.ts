import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { reviewKeptFiles } from "../../../src/scaffold/kept-files.ts";
import { writeProject } from "../../../src/scaffold/write.ts";
import { projectOptions, renderedProject, tempDirectory } from "../../support/scaffold.ts";

/** Scaffolds over `existing` files and says what is wrong with those. */
async function problemsWith(existing: Record<string, string>): Promise<string[]> {
  const directory = await tempDirectory();
  for (const [path, text] of Object.entries(existing)) await writeFile(join(directory, path), text);
  const written = await writeProject(directory, await renderedProject(), { force: false });
  return reviewKeptFiles(directory, written, await projectOptions());
}

test("a new project has no problems", async () => {
  expect(await problemsWith({})).toEqual([]);
});

test("dependencies that a kept package.json lacks are listed as a command", async () => {
  const [problem, ...others] = await problemsWith({
    "package.json":
      '{ "dependencies": { "@langchain/core": "^1.0.0" }, "devDependencies": { "typescript": "^5" } }',
  });

  expect(others).toEqual([]);
  expect(problem).toContain("npm add ");
  expect(problem).toContain("aegra@^1.2.3");
  expect(problem).not.toContain("@langchain/core");
  expect(problem).not.toContain("typescript");
});

test("a kept .gitignore that would let .env be committed is reported", async () => {
  expect(await problemsWith({ ".gitignore": "node_modules\r\n" })).toEqual([expect.stringContaining(".env")]);
  expect(await problemsWith({ ".gitignore": "node_modules\r\n.env\r\n" })).toEqual([]);
});
