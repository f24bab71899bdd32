import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { ScaffoldError } from "./errors.ts";

/** A starter of `aegra init`: its own files on top of those every starter has. */
export interface Template {
  readonly name: string;
  readonly description: string;
  /** What its package.json needs beyond what every project needs; package to version range. */
  readonly dependencies: Readonly<Record<string, string>>;
  /** In the order of their paths. */
  readonly files: readonly TemplateFile[];
}

export interface TemplateFile {
  /** Absolute. */
  readonly source: string;
  /** Relative to the template's folder, with `/` on every platform; it may end in `.ejs`. */
  readonly path: string;
}

/** The package's templates folder: two levels up from here both in src/ and in dist/. */
const TEMPLATES = fileURLToPath(new URL("../../templates", import.meta.url));
const COMMON = "common";
const MANIFEST = "template.json";

/** Every starter, by name. */
export async function listTemplates(): Promise<Template[]> {
  const common = await listFiles(join(TEMPLATES, COMMON));
  const folders = await readdir(TEMPLATES, { withFileTypes: true });
  const names = folders
    .filter((entry) => entry.isDirectory() && entry.name !== COMMON)
    .map(({ name }) => name);
  return Promise.all(names.sort().map((name) => loadTemplate(name, common)));
}

/** @throws ScaffoldError when there is no starter of that name */
export async function getTemplate(name: string): Promise<Template> {
  const templates = await listTemplates();
  const template = templates.find((it) => it.name === name);
  if (template !== undefined) return template;
  throw new ScaffoldError(`There is no template "${name}".`, [
    `Use --template with one of: ${templates.map((it) => it.name).join(", ")}.`,
  ]);
}

async function loadTemplate(name: string, common: readonly TemplateFile[]): Promise<Template> {
  const folder = join(TEMPLATES, name);
  const { description, dependencies } = JSON.parse(
    await readFile(join(folder, MANIFEST), "utf8"),
  ) as Template;
  const own = (await listFiles(folder)).filter(({ path }) => path !== MANIFEST);
  const files = [...common, ...own].sort((a, b) => (a.path < b.path ? -1 : 1));
  return { name, description, dependencies, files };
}

async function listFiles(folder: string): Promise<TemplateFile[]> {
  const paths = await readdir(folder, { recursive: true, withFileTypes: true });
  return paths
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((source) => ({ source, path: source.slice(folder.length + 1).replaceAll(sep, "/") }));
}
