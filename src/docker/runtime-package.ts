import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { ImagePlanError } from "./errors.ts";
import { packTar, type TarFile } from "./tar.ts";

/**
 * Packs an installed package as npm would publish it, from its own files.
 *
 * @param folder the folder of its package.json
 * @throws ImagePlanError when what it consists of is not there, as in a checkout that was not built
 */
export async function packPackage(folder: string): Promise<Buffer> {
  const manifest = JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")) as {
    readonly name: string;
    readonly files?: readonly string[];
  };
  const listed = await Promise.all((manifest.files ?? []).map((entry) => listFiles(folder, entry)));
  if (!listed.flat().some((file) => file.startsWith("dist/"))) {
    throw new ImagePlanError(`${manifest.name} cannot be put into the image: ${folder} was not built.`, [
      `Add it to the project's dependencies: npm install ${manifest.name}`,
      "Or build it: npm run build",
    ]);
  }
  const names = [...new Set(["package.json", ...listed.flat()])].sort();
  const files = async function* (): AsyncGenerator<TarFile> {
    for (const name of names) {
      const file = path.join(folder, name);
      const isExecutable = ((await stat(file)).mode & 0o111) !== 0;
      yield { path: `package/${name}`, content: await readFile(file), isExecutable };
    }
  };
  return promisify(gzip)(Buffer.concat(await Array.fromAsync(packTar(files()))));
}

async function listFiles(folder: string, entry: string): Promise<string[]> {
  const found = await stat(path.join(folder, entry)).catch(() => null);
  if (found === null) return [];
  if (found.isFile()) return [entry];
  const below = await readdir(path.join(folder, entry), { recursive: true, withFileTypes: true });
  return below
    .filter((each) => each.isFile())
    .map((each) => path.relative(folder, path.join(each.parentPath, each.name)).replaceAll("\\", "/"));
}
