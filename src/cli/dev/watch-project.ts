import { relative, resolve, sep } from "node:path";
import { watch } from "chokidar";

/** Tells when the project's sources change. */
export interface ProjectWatch {
  /** The file that changed; resolves a moment after the last change of a series. */
  next(): Promise<string>;
  /** Forgets the changes so far. */
  reset(): void;
  /** Watches these files too, wherever they are and whatever they are called. */
  include(files: readonly string[]): void;
  close(): Promise<void>;
}

/** Editors and formatters write several files, or one file several times, for one change. */
const SETTLE_MS = 100;
const SOURCE = /\.[cm]?[jt]sx?$/;
const IGNORED_FOLDERS = new Set(["node_modules", "dist", "logs"]);

/**
 * Watches the source files below a folder. JSON files only when they are included: a graph may keep its data
 * in one, and would restart itself with each run.
 */
export function watchProject(root: string): ProjectWatch {
  const included = new Set<string>();
  const isIgnored = (path: string, stats?: { isFile(): boolean }): boolean => {
    const file = resolve(path);
    if (included.has(file)) return false;
    const folders = relative(root, file).split(sep);
    const isHidden = folders.some((name) => name.startsWith(".") || IGNORED_FOLDERS.has(name));
    return isHidden || (stats?.isFile() === true && !SOURCE.test(file));
  };

  let changed = Promise.withResolvers<string>();
  let settling: NodeJS.Timeout | undefined;
  const watcher = watch(root, { ignored: isIgnored, ignoreInitial: true });
  watcher.on("all", (event, path) => {
    if (event === "addDir" || event === "unlinkDir") return;
    clearTimeout(settling);
    settling = setTimeout(() => changed.resolve(resolve(path)), SETTLE_MS);
  });
  // A folder that cannot be watched, or one too many for the system: the others are watched all the same.
  watcher.on("error", () => undefined);

  return {
    next: () => changed.promise,
    reset() {
      clearTimeout(settling);
      changed = Promise.withResolvers();
    },
    include(files) {
      const added = files.map((file) => resolve(file)).filter((file) => !included.has(file));
      for (const file of added) included.add(file);
      if (added.length > 0) watcher.add(added);
    },
    async close() {
      clearTimeout(settling);
      await watcher.close();
    },
  };
}
