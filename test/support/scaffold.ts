import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { type ProjectOptions, planProject } from "../../src/scaffold/plan.ts";
import { type RenderedFile, renderProject } from "../../src/scaffold/render.ts";
import { getTemplate } from "../../src/scaffold/templates.ts";
import { writeProject } from "../../src/scaffold/write.ts";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));

/** Options of a project, of which a test names only what matters to it. */
export async function projectOptions(
  options: Partial<Omit<ProjectOptions, "template">> & { template?: string } = {},
): Promise<ProjectOptions> {
  return {
    name: "demo",
    packageManager: "npm",
    aegraVersion: "1.2.3",
    postgresPassword: "s3cret",
    ...options,
    template: await getTemplate(options.template ?? "chatbot"),
  };
}

export async function renderedProject(
  options: Parameters<typeof projectOptions>[0] = {},
): Promise<RenderedFile[]> {
  return renderProject(planProject(await projectOptions(options)));
}

export function textOf(files: readonly RenderedFile[], path: string): string {
  const file = files.find((it) => it.path === path);
  if (file === undefined) throw new Error(`no ${path} among ${files.map((it) => it.path).join(", ")}`);
  return file.content;
}

/** A directory that is gone after the test. */
export async function tempDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "aegra-scaffold-"));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

/** Writes a template where it finds the repository's packages, and takes it away after `use`. */
export async function withTemplate<T>(template: string, use: (directory: string) => Promise<T>): Promise<T> {
  const parent = join(REPOSITORY, ".aegra", "templates");
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, `${template}-`));
  try {
    await writeProject(directory, await renderedProject({ template }), { force: false });
    return await use(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
