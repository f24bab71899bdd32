import { stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { ConfigError } from "./errors.ts";

const FILE_NAMES = ["aegra.json", "langgraph.json"];

/**
 * Finds the configuration file: the one that was named, or else the nearest one upwards from `cwd`,
 * aegra.json before langgraph.json in each folder.
 *
 * @param configFile as given with `-c`; relative to `cwd`
 * @param environmentFile as given in AEGRA_CONFIG; relative to `cwd`, and null when unset
 * @returns an absolute path
 * @throws ConfigError when there is no such file
 */
export async function findConfigFile(options: {
  readonly cwd: string;
  readonly configFile?: string | undefined;
  readonly environmentFile: string | null;
}): Promise<string> {
  const cwd = resolve(options.cwd);
  if (options.configFile !== undefined) return requireFile(resolve(cwd, options.configFile), "-c");
  if (options.environmentFile !== null) {
    return requireFile(resolve(cwd, options.environmentFile), "AEGRA_CONFIG");
  }
  return findUpwards(cwd);
}

async function requireFile(path: string, source: string): Promise<string> {
  const kind = await findKind(path);
  if (kind === "file") return path;
  throw new ConfigError(
    kind === "none"
      ? `There is no configuration file ${path} (named by ${source}).`
      : `${path} (named by ${source}) is a folder, not a configuration file.`,
    [
      source === "-c"
        ? "Name the file with -c PATH."
        : "Set AEGRA_CONFIG to the path of the file, or unset it.",
      "Create a project with: aegra init",
    ],
  );
}

async function findUpwards(start: string): Promise<string> {
  let folder = start;
  for (;;) {
    for (const name of FILE_NAMES) {
      const path = join(folder, name);
      if ((await findKind(path)) === "file") return path;
    }
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  throw new ConfigError(
    `There is no ${FILE_NAMES.join(" or ")} in ${start}${folder === start ? "" : ` or in any folder above it, up to ${folder}`}.`,
    ["Create a project with: aegra init", "Name the file with -c PATH, if it is elsewhere."],
  );
}

async function findKind(path: string): Promise<"file" | "folder" | "none"> {
  try {
    return (await stat(path)).isDirectory() ? "folder" : "file";
  } catch {
    // What cannot be looked at cannot be read either: for the search it is not there.
    return "none";
  }
}
