import { globSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import type { Command } from "@oclif/core";
import { REPOSITORY } from "./scaffold.ts";

const FOLDER = path.join(REPOSITORY, "src", "cli", "commands");

/** A flag as the command line shows it. */
export interface DocumentedFlag {
  readonly name: string;
  readonly env: string | undefined;
  /** `-p, --port PORT` */
  readonly usage: string;
  readonly summary: string;
}

/** Every command by its words (`db upgrade`), with the flags that are its own. */
export async function listCommands(): Promise<{ name: string; command: typeof Command }[]> {
  const files = globSync("**/*.ts", { cwd: FOLDER }).sort();
  return Promise.all(
    files.map(async (file) => {
      const module = (await import(pathToFileURL(path.join(FOLDER, file)).href)) as {
        default: typeof Command;
      };
      return { name: file.replace(/\.ts$/, "").split(/[\\/]/).join(" "), command: module.default };
    }),
  );
}

export function toFlags(flags: typeof Command.flags | undefined): DocumentedFlag[] {
  return Object.entries(flags ?? {}).map(([name, flag]) => {
    const long = flag.type === "boolean" && flag.allowNo === true ? `--[no-]${name}` : `--${name}`;
    const value = flag.type === "option" ? ` ${flag.helpValue ?? "VALUE"}` : "";
    return {
      name,
      env: flag.env,
      usage: `${flag.char === undefined ? "" : `-${flag.char}, `}${long}${value}`,
      summary: flag.summary ?? "",
    };
  });
}
