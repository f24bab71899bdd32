import { readFile } from "node:fs/promises";
import ejs from "ejs";
import { toExecCommand, toRunCommand } from "./package-manager.ts";
import type { PlannedFile, TemplateValues } from "./plan.ts";

/** A file of the new project with its final text. */
export interface RenderedFile extends Pick<PlannedFile, "path" | "mode" | "secret"> {
  readonly content: string;
}

/** Fills in the templates of a plan. */
export function renderProject(files: readonly PlannedFile[]): Promise<RenderedFile[]> {
  return Promise.all(
    files.map(async ({ path, mode, secret, source, values }) => {
      const text = await readFile(source, "utf8");
      return { path, mode, secret, content: values === null ? text : renderText(text, values, source) };
    }),
  );
}

function renderText(text: string, values: TemplateValues, filename: string): string {
  const { packageManager } = values;
  const words = {
    install: `${packageManager} install`,
    exec: toExecCommand(packageManager),
    run: (script: string, args?: string) => toRunCommand(packageManager, script, args),
    json: toIndentedJson,
  };
  return ejs.render(text, { ...values, ...words }, { filename });
}

/** JSON for the value of a field on the first level of a document with two spaces of indentation. */
function toIndentedJson(value: unknown): string {
  return JSON.stringify(value, null, 2).replaceAll("\n", "\n  ");
}
