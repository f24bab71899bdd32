import {
  type ChildProcessByStdio,
  type SpawnOptionsWithStdioTuple,
  type StdioNull,
  type StdioPipe,
  spawn,
} from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { ScaffoldError } from "./errors.ts";

export const PACKAGE_MANAGERS = ["npm", "pnpm", "yarn", "bun"] as const;
export type PackageManager = (typeof PACKAGE_MANAGERS)[number];

/** Lines of a failed install that are shown. */
const MAX_LINES = 15;

/**
 * The package manager that started this process.
 *
 * @param userAgent npm_config_user_agent, such as `pnpm/11.1.0 npm/? node/v24.4.0 linux x64`; null without one
 * @returns npm when there is none, or one we do not know
 */
export function toPackageManager(userAgent: string | null): PackageManager {
  const name = userAgent?.split("/", 1)[0];
  return PACKAGE_MANAGERS.find((it) => it === name) ?? "npm";
}

/** The command line that runs a script of package.json; `args` as they would be typed, already quoted. */
export function toRunCommand(manager: PackageManager, script: string, args = ""): string {
  const words = {
    npm: ["npm run", script, args === "" ? "" : "--", args],
    pnpm: ["pnpm", script, args],
    yarn: ["yarn", script, args],
    bun: ["bun run", script, args],
  }[manager];
  return words.filter((word) => word !== "").join(" ");
}

/** The command line that runs the project's own aegra. */
export function toExecCommand(manager: PackageManager): string {
  return { npm: "npx aegra", pnpm: "pnpm aegra", yarn: "yarn aegra", bun: "bunx aegra" }[manager];
}

export interface InstallOptions {
  readonly directory: string;
  readonly signal: AbortSignal;
  /** Called with every line the package manager prints. */
  readonly onLine: (line: string) => void;
}

/**
 * Runs `<manager> install` in the project.
 *
 * @throws ScaffoldError when the package manager is missing or fails, with the end of what it said
 */
export async function installDependencies(manager: PackageManager, options: InstallOptions): Promise<void> {
  const lines: string[] = [];
  const child = startInstall(manager, options);
  for (const input of [child.stdout, child.stderr]) {
    createInterface({ input }).on("line", (line) => {
      lines.push(line);
      options.onLine(line);
    });
  }

  const exitCode = await waitForExit(child, manager);
  if (exitCode === 0) return;
  throw new ScaffoldError(
    [`${manager} install failed with exit code ${exitCode}.`, ...lines.slice(-MAX_LINES)].join("\n"),
    [
      `Run \`${manager} install\` in ${options.directory} again; the project's files are all there.`,
      "Choose another package manager with --package-manager, or none with --no-install.",
    ],
  );
}

type Install = ChildProcessByStdio<null, Readable, Readable>;

function startInstall(manager: PackageManager, { directory, signal }: InstallOptions): Install {
  const options: SpawnOptionsWithStdioTuple<StdioNull, StdioPipe, StdioPipe> = {
    cwd: directory,
    signal,
    stdio: ["ignore", "pipe", "pipe"],
  };
  // On Windows npm, pnpm and yarn are .cmd files, which only a shell can start. The line it gets is one of four
  // constants: the directory goes by `cwd`, so there is nothing to quote.
  return process.platform === "win32"
    ? spawn(`${manager} install`, { ...options, shell: true })
    : spawn(manager, ["install"], options);
}

/** @returns null when a signal ended it */
async function waitForExit(child: Install, manager: PackageManager): Promise<number | null> {
  try {
    const [exitCode] = (await once(child, "close")) as [number | null];
    return exitCode;
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
    throw new ScaffoldError(
      `${manager} was not found on this machine.`,
      ["Install it, choose another with --package-manager, or skip this step with --no-install."],
      error,
    );
  }
}
