import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { ScaffoldError } from "./errors.ts";
import type { RenderedFile } from "./render.ts";

/** What happened to one file of the project; `skip` means that the existing one was kept. */
export interface WrittenFile {
  readonly path: string;
  readonly action: "create" | "skip" | "overwrite";
}

/**
 * Writes a project into `directory`, which it creates when there is none.
 *
 * @param force replace files that exist already, except those with secrets
 * @throws ScaffoldError when a file or its folder cannot be written
 */
export async function writeProject(
  directory: string,
  files: readonly RenderedFile[],
  { force }: { readonly force: boolean },
): Promise<WrittenFile[]> {
  const written: WrittenFile[] = [];
  for (const file of files) {
    const target = join(directory, file.path);
    try {
      written.push({ path: file.path, action: await writeProjectFile(target, file, force) });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new ScaffoldError(`Could not write ${target}: ${reason}`, ["Choose another directory."], error);
    }
  }
  return written;
}

async function writeProjectFile(
  target: string,
  { content, mode, secret }: RenderedFile,
  force: boolean,
): Promise<WrittenFile["action"]> {
  await mkdir(dirname(target), { recursive: true });
  try {
    // "wx" fails on an existing file, so there is no moment between looking and writing.
    await writeFile(target, content, { flag: "wx", mode });
    return "create";
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
  }
  if (!force || secret) return "skip";
  await writeFile(target, content);
  return "overwrite";
}
