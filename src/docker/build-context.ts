import { createHash } from "node:crypto";
import { lstat, readdir, readFile, readlink, stat } from "node:fs/promises";
import path from "node:path";
import { ImagePlanError } from "./errors.ts";
import { hasExceptions, type IgnoreRules, isIgnored, parseIgnoreRules } from "./ignore-rules.ts";
import { readIfThere } from "./package-tree.ts";
import { packTar, type TarFile } from "./tar.ts";

/** The files that an image is made of, without their content. */
export interface ContextFiles {
  /** Relative to the root, with `/`, sorted. */
  readonly files: readonly string[];
  readonly bytes: number;
  /** Links out of the root to what is no file; they are not in the image. */
  readonly lostLinks: readonly string[];
  /** The largest files, largest first. */
  readonly largest: readonly { readonly file: string; readonly bytes: number }[];
}

/** What is in no image unless the project's .dockerignore brings it back. */
export const DEFAULT_IGNORES: readonly string[] = [
  "**/.git",
  "**/node_modules",
  "**/.aegra",
  "**/.langgraph_api",
  "**/coverage",
  "**/.turbo",
  "**/.cache",
  "**/.vscode",
  "**/.idea",
  "**/.DS_Store",
  "**/*.log",
  "**/*.tsbuildinfo",
  "**/Dockerfile*",
  "**/docker-compose*.y*ml",
  "**/compose*.y*ml",
  "**/.dockerignore",
];

/** What no rule can bring back: keys and passwords. */
export const SECRET_IGNORES: readonly string[] = ["**/.env", "**/.env.*", "!**/.env.example"];

export interface ContextOptions {
  /** Absolute. */
  readonly root: string;
  /** Rules that come before those of the project. */
  readonly ignores: readonly string[];
  /** Rules that come last, for files that hold secrets. */
  readonly secrets: readonly string[];
}

/** Lists the files of the context: those of the root without what is left out. Links that stay within it stay links. */
export async function listContext({ root, ignores, secrets }: ContextOptions): Promise<ContextFiles> {
  const own = (await readIfThere(path.join(root, ".dockerignore"))) ?? "";
  const rules = parseIgnoreRules([...ignores, own].join("\n"));
  const found = await walk(root, "", { rules, secrets: parseIgnoreRules(secrets.join("\n")) });
  const lostLinks = found.filter(({ isLost }) => isLost).map(({ file }) => file);
  const kept = found.filter(({ isLost }) => !isLost);
  const sorted = kept.sort((a, b) => (a.file < b.file ? -1 : 1));
  return {
    lostLinks,
    files: sorted.map(({ file }) => file),
    bytes: sorted.reduce((total, { bytes }) => total + bytes, 0),
    largest: [...sorted].sort((a, b) => b.bytes - a.bytes).slice(0, 5),
  };
}

interface Rules {
  readonly rules: IgnoreRules;
  readonly secrets: IgnoreRules;
}

interface FoundFile {
  readonly file: string;
  readonly bytes: number;
  /** See {@link ContextFiles.lostLinks}. */
  readonly isLost: boolean;
}

/** Never looked into, whatever is brought back: they are large, and made anew in the image. */
const HOPELESS = ["node_modules", ".git"];

async function walk(root: string, folder: string, rules: Rules): Promise<FoundFile[]> {
  const entries = await readdir(path.join(root, folder), { withFileTypes: true });
  const found: FoundFile[] = [];
  for (const entry of entries) {
    const file = folder === "" ? entry.name : `${folder}/${entry.name}`;
    const isLeftOut = isIgnored(rules.rules, file);
    if (!entry.isDirectory()) {
      found.push(...(isLeftOut || isIgnored(rules.secrets, file) ? [] : await look(root, file)));
    } else if (!HOPELESS.includes(entry.name) && (!isLeftOut || hasExceptions(rules.rules))) {
      found.push(...(await walk(root, file, rules)));
    }
  }
  return found;
}

/** Nothing for what is neither file nor link, such as a socket. */
async function look(root: string, file: string): Promise<FoundFile[]> {
  if ((await readInnerLink(root, file)) !== null) return [{ file, bytes: 0, isLost: false }];
  const absolute = path.join(root, file);
  const found = await stat(absolute).catch(() => null);
  if (found?.isFile()) return [{ file, bytes: found.size, isLost: false }];
  return (await lstat(absolute)).isSymbolicLink() ? [{ file, bytes: 0, isLost: true }] : [];
}

/** Where a link leads that can be the same link in the image; null for anything else. */
async function readInnerLink(root: string, file: string): Promise<string | null> {
  const absolute = path.join(root, file);
  if (!(await lstat(absolute)).isSymbolicLink()) return null;
  const target = await readlink(absolute);
  const inner = path.relative(root, path.resolve(path.dirname(absolute), target));
  return path.isAbsolute(target) || inner.startsWith("..") ? null : target.replaceAll("\\", "/");
}

/** Files that are added to those of the project. */
export type AddedFiles = Readonly<Record<string, Buffer>>;

/**
 * The context as a tar archive that is the same on every machine, and a hash of what is in it.
 *
 * @throws ImagePlanError when a file cannot be read
 */
export async function openContext(root: string, { files }: ContextFiles, added: AddedFiles) {
  const names = [...new Set([...files, ...Object.keys(added)])].sort();
  const read = async (name: string): Promise<TarFile> => {
    const given = added[name];
    if (given !== undefined) return { path: name, content: given, isExecutable: false };
    const file = path.join(root, name);
    try {
      const link = await readInnerLink(root, name);
      if (link !== null) return { path: name, content: Buffer.alloc(0), isExecutable: false, link };
      const { mode } = await stat(file);
      return { path: name, content: await readFile(file), isExecutable: (mode & 0o111) !== 0 };
    } catch (cause) {
      throw new ImagePlanError(
        `${file} cannot be read: ${(cause as Error).message}`,
        ["Leave it out with a line in .dockerignore, or let this user read it."],
        cause,
      );
    }
  };
  async function* readAll(): AsyncGenerator<TarFile> {
    for (const name of names) yield await read(name);
  }
  return {
    pack: () => packTar(readAll()),
    async digest(): Promise<string> {
      const hash = createHash("sha256");
      for await (const { path: name, content, isExecutable, link = "" } of readAll()) {
        hash.update(`${name}\0${content.length}\0${isExecutable}\0${link}\0`).update(content);
      }
      return hash.digest("hex");
    },
  };
}
