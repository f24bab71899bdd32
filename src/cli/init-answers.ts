import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { getTemplate, listTemplates, type Template } from "../scaffold/templates.ts";
import { askChoice, askText, askYesNo, inputNeeded } from "./prompts.ts";

/** What the command line says; undefined where it says nothing. */
export interface InitRequest {
  readonly path: string | undefined;
  readonly template: string | undefined;
  readonly install: boolean | undefined;
  /** Take the default of everything that is not said. */
  readonly yes: boolean;
  /** Whether somebody can be asked for the rest. */
  readonly interactive: boolean;
  /** What a relative path is relative to. */
  readonly cwd: string;
}

export interface InitAnswers {
  /** Absolute. */
  readonly directory: string;
  readonly template: Template;
  readonly install: boolean;
}

/**
 * Completes the request: asks for what it leaves open, or takes the defaults.
 *
 * @throws CliError `INPUT_NEEDED` when something has no default and nobody can be asked
 * @throws ScaffoldError when there is no such template
 */
export async function answerInit(request: InitRequest): Promise<InitAnswers> {
  // A template that does not exist is reported before the first question, not after the last.
  const chosen = request.template === undefined ? null : await getTemplate(request.template);
  const directory = resolve(request.cwd, await answerPath(request));
  const template = chosen ?? (await getTemplate(await answerTemplate(request)));
  return { directory, template, install: await answerInstall(request) };
}

async function answerPath({ path, yes, interactive, cwd }: InitRequest): Promise<string> {
  if (path !== undefined) return path;
  if (yes && (await isEmpty(resolve(cwd)))) return ".";
  if (!yes && interactive) return askText({ message: "Where shall the project go?", initial: "my-agent" });
  throw inputNeeded(
    "where the project shall go",
    "Name a directory: aegra init my-agent, or aegra init . to add what is missing to this one.",
  );
}

async function answerTemplate({ yes, interactive }: InitRequest): Promise<string> {
  if (yes) return "chatbot";
  const templates = await listTemplates();
  if (!interactive) {
    const names = templates.map(({ name }) => name).join(", ");
    throw inputNeeded(
      "which template to use",
      `Add --template with one of: ${names}; or --yes for defaults.`,
    );
  }
  return askChoice({
    message: "Which template?",
    choices: templates.map(({ name, description }) => ({ value: name, hint: description })),
  });
}

async function answerInstall({ install, yes, interactive }: InitRequest): Promise<boolean> {
  if (install !== undefined) return install;
  if (yes || !interactive) return true;
  return askYesNo({ message: "Install the dependencies?", initial: true });
}

async function isEmpty(directory: string): Promise<boolean> {
  const entries = await readdir(directory);
  return entries.every((entry) => entry === ".git");
}
