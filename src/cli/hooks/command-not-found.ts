import process from "node:process";
import type { Hook } from "@oclif/core";
import { isJsonRequested } from "../../config/process-environment.ts";
import { toErrorEnvelope, toErrorText } from "../error-output.ts";
import { CliError, EXIT } from "../errors.ts";
import { findNearest } from "../nearest.ts";

/** Answers a command that does not exist with the one that was probably meant. */
export const commandNotFound: Hook.CommandNotFound = async function ({ id, argv = [], config }) {
  const words = id.split(":");
  const names = config.commandIDs.map((known) => known.replaceAll(":", " "));
  const error = new CliError(`There is no command "${words.join(" ")}".`, {
    code: "USAGE",
    exitCode: EXIT.usage,
    suggestions: [...suggest(words, names, config.bin), `See all commands with: ${config.bin} help`],
  });
  const isJson = [...words, ...argv].includes("--json") || isJsonRequested();
  if (isJson) process.stdout.write(`${JSON.stringify(toErrorEnvelope(error))}\n`);
  else process.stderr.write(`${toErrorText(error)}\n`);
  this.exit(error.exitCode);
};

function suggest(words: readonly string[], names: readonly string[], bin: string): string[] {
  if (words[0]?.startsWith("-") === true) return [`Flags come after the command: ${bin} dev ${words[0]} …`];
  // What follows the name of a command are its arguments: `versoin x` means `version x`.
  const lengths = [2, 1].filter((length) => length <= words.length);
  for (const length of lengths) {
    const sameLength = names.filter((name) => name.split(" ").length === length);
    const nearest = findNearest(words.slice(0, length).join(" "), sameLength);
    if (nearest !== null) return [`Did you mean: ${bin} ${nearest}`];
  }
  return [];
}
