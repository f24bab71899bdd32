import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { listTemplates } from "../../../src/scaffold/templates.ts";
import { REPOSITORY, withTemplate } from "../../support/scaffold.ts";

const templates = (await listTemplates()).map(({ name }) => name);
const run = promisify(execFile);

/** The two provider packages are not installed here; a project's own typecheck sees the real ones. */
const PROVIDERS = ["ChatAnthropic:@langchain/anthropic", "ChatOpenAI:@langchain/openai"]
  .map((entry) => entry.split(":"))
  .map(
    ([name, module]) => `declare module "${module}" {
  import type { BaseChatModel } from "@langchain/core/language_models/chat_models";
  export const ${name}: new (fields: { model: string }) => BaseChatModel;
}`,
  );

test.each(templates)(
  "%s passes its own typecheck",
  async (template) => {
    const complaints = await withTemplate(template, async (directory) => {
      await writeFile(join(directory, "src", "providers.d.ts"), PROVIDERS.join("\n"));
      const tsc = join(REPOSITORY, "node_modules", "typescript", "bin", "tsc");
      const { stdout } = await run(process.execPath, [tsc, "-p", "tsconfig.json"], { cwd: directory }).catch(
        (error: { stdout: string }) => error,
      );
      return stdout;
    });
    expect(complaints).toBe("");
  },
  60_000,
);
