import process from "node:process";
import { type CANCEL_SYMBOL, confirm, isCancel, select, text } from "@clack/prompts";
import { CliError, EXIT } from "./errors.ts";

/** Where questions go: stdout is for the result. */
const output = process.stderr;

/** Whether there is somebody to ask. */
export function isInteractive({ input, json }: { readonly input: boolean; readonly json: boolean }): boolean {
  return input && !json && process.stdin.isTTY === true && process.stderr.isTTY === true;
}

/**
 * The error for an answer that is needed when nobody can be asked.
 *
 * @param what completes "Aegra needs to know …", without the full stop
 * @param how the flag or argument that answers it, with an example
 */
export function inputNeeded(what: string, how: string): CliError {
  return new CliError(`Aegra needs to know ${what}.`, {
    code: "INPUT_NEEDED",
    exitCode: EXIT.inputNeeded,
    suggestions: [how],
  });
}

/** @throws CliError `CANCELLED` on Ctrl-C, like the other questions here */
export async function askText(question: { message: string; initial: string }): Promise<string> {
  const { message, initial } = question;
  return answered(await text({ message, placeholder: initial, defaultValue: initial, output }));
}

export async function askChoice(question: {
  readonly message: string;
  readonly choices: readonly { readonly value: string; readonly hint: string }[];
}): Promise<string> {
  return answered(await select({ message: question.message, options: [...question.choices], output }));
}

export async function askYesNo(question: { message: string; initial: boolean }): Promise<boolean> {
  return answered(await confirm({ message: question.message, initialValue: question.initial, output }));
}

/** The error of a command that the user stopped. */
export function cancelled(cause?: unknown): CliError {
  return new CliError("Cancelled.", { code: "CANCELLED", exitCode: EXIT.interrupted, cause });
}

function answered<T extends string | boolean>(answer: T | typeof CANCEL_SYMBOL): T {
  if (isCancel(answer)) throw cancelled();
  return answer;
}
