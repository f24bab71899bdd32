import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { register as registerCommonJs } from "tsx/cjs/api";
import { register } from "tsx/esm/api";

/** Loads the project's modules, TypeScript or not. */
export interface ModuleLoader extends AsyncDisposable {
  load(file: string): Promise<Readonly<Record<string, unknown>>>;
  /** Files of the project loaded so far, absolute: what to watch for changes. */
  readonly loadedFiles: ReadonlySet<string>;
}

/**
 * Makes TypeScript importable in this process, with the path aliases of the nearest tsconfig.json.
 *
 * @param nodeLoader `tsx`, or a module of the project that registers another loader, as with `--import`
 */
export async function openModuleLoader(projectRoot: string, nodeLoader: string): Promise<ModuleLoader> {
  const loadedFiles = new Set<string>();
  const load = async (file: string) => {
    loadedFiles.add(file);
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  };
  if (nodeLoader !== "tsx") {
    await import(resolveLoader(projectRoot, nodeLoader));
    return { load, loadedFiles, [Symbol.asyncDispose]: async () => {} };
  }

  const tsconfig = findUpwards(projectRoot, "tsconfig.json");
  const unregister = register({
    ...(tsconfig !== null && { tsconfig }),
    onImport(url) {
      if (url.startsWith("file:") && !url.includes("/node_modules/")) {
        loadedFiles.add(fileURLToPath(url.split("?")[0] ?? url));
      }
    },
  });
  const unregisterCommonJs = registerCommonJs();
  return {
    load,
    loadedFiles,
    async [Symbol.asyncDispose]() {
      unregisterCommonJs();
      await unregister();
    },
  };
}

function resolveLoader(projectRoot: string, nodeLoader: string): string {
  if (nodeLoader.startsWith(".") || isAbsolute(nodeLoader)) {
    return pathToFileURL(resolve(projectRoot, nodeLoader)).href;
  }
  return pathToFileURL(createRequire(join(projectRoot, "package.json")).resolve(nodeLoader)).href;
}

function findUpwards(start: string, name: string): string | null {
  for (let directory = start; ; directory = dirname(directory)) {
    const candidate = join(directory, name);
    if (existsSync(candidate)) return candidate;
    if (directory === dirname(directory)) return null;
  }
}
