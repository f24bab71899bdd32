import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

/** The part of TypeScript 5 that finds files. Not its own types: Aegra is compiled with TypeScript 7. */
export interface TypeScript {
  readonly version: string;
  readonly sys: { fileExists(path: string): boolean };
  findConfigFile(start: string, exists: (path: string) => boolean): string | undefined;
  getParsedCommandLineOfConfigFile(path: string, options: object, host: object): ParsedConfig | undefined;
  preProcessFile(text: string): { readonly importedFiles: readonly { readonly fileName: string }[] };
  resolveModuleName(
    name: string,
    from: string,
    options: object,
    host: object,
  ): { readonly resolvedModule?: { readonly resolvedFileName: string } | undefined };
}

interface ParsedConfig {
  readonly options: Partial<{ readonly configFile: Partial<{ extendedSourceFiles: readonly string[] }> }>;
}

/**
 * The project's files that the types of some modules come from, with the hash of each: what they import, for
 * their values or their types, with the path aliases of tsconfig.json, and that file too.
 */
export function hashSourceFiles(
  ts: TypeScript,
  root: string,
  modules: readonly string[],
): Record<string, string> {
  const hashes = new Map<string, string>();
  const configs = new Map<string, Config>();
  const waiting = [...modules];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (hashes.has(file) || file.includes(`${sep}node_modules${sep}`)) continue;
    const text = readFileSync(file);
    hashes.set(file, toHash(text));
    if (!SOURCE.test(file)) continue;
    const configFile = ts.findConfigFile(dirname(file), ts.sys.fileExists) ?? "";
    const { options, files } = configs.get(configFile) ?? readConfig(ts, configFile);
    configs.set(configFile, { options, files });
    waiting.push(...files);
    for (const { fileName } of ts.preProcessFile(text.toString()).importedFiles) {
      const found = ts.resolveModuleName(fileName, file, options, ts.sys).resolvedModule;
      if (found !== undefined) waiting.push(join(found.resolvedFileName));
    }
  }
  return Object.fromEntries([...hashes].map(([file, hash]) => [toPath(root, file), hash]).toSorted());
}

const SOURCE = /\.[cm]?[jt]sx?$/;

interface Config {
  readonly options: object;
  /** It, and what it extends. */
  readonly files: readonly string[];
}

/** @param file empty when there is none */
function readConfig(ts: TypeScript, file: string): Config {
  if (file === "") return { options: {}, files: [] };
  const host = { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => undefined };
  const options = ts.getParsedCommandLineOfConfigFile(file, {}, host)?.options ?? {};
  const extended = options.configFile?.extendedSourceFiles ?? [];
  return { options, files: [file, ...extended].map((path) => join(path)) };
}

export const toHash = (content: Buffer): string => createHash("sha256").update(content).digest("hex");

/** A path as it is written into a cache: relative to the project, with slashes. */
const toPath = (root: string, file: string): string => relative(root, file).split(sep).join("/");

/** How a graph is named in an extraction, wherever the project is. */
export const toSourceName = (
  root: string,
  { file, exportName }: { readonly file: string; readonly exportName: string },
): string => `${toPath(root, file)}:${exportName}`;
