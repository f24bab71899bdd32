import { relative, resolve } from "node:path";
import process from "node:process";
import { Args, Flags } from "@oclif/core";
import { readUserAgent } from "../../config/user-agent.ts";
import { reviewKeptFiles } from "../../scaffold/kept-files.ts";
import { PACKAGE_MANAGERS, toPackageManager, toRunCommand } from "../../scaffold/package-manager.ts";
import { createPassword } from "../../scaffold/password.ts";
import { checkName, toName } from "../../scaffold/project-name.ts";
import { listTemplates } from "../../scaffold/templates.ts";
import type { WrittenFile } from "../../scaffold/write.ts";
import { BaseCommand } from "../base-command.ts";
import { answerInit } from "../init-answers.ts";
import { cancelled, isInteractive } from "../prompts.ts";
import { initTasks, type NewProject } from "../tasks/init.ts";

interface InitResult {
  /** Absolute. */
  readonly path: string;
  readonly template: string;
  readonly files: readonly WrittenFile[];
  /** The commands to go on with, in order. */
  readonly next: readonly string[];
}

interface TemplateList {
  readonly templates: readonly { readonly name: string; readonly description: string }[];
}

export default class Init extends BaseCommand {
  static override readonly summary = "Create a project from a template.";
  static override readonly description =
    "Files that exist already are kept, so it also adds what is missing to an existing project. " +
    "On a terminal it asks for what the command line leaves open.";
  static override readonly examples = [
    "<%= config.bin %> <%= command.id %> my-agent",
    "<%= config.bin %> <%= command.id %> my-agent --template react-agent --yes",
  ];
  static override readonly args = {
    path: Args.string({ description: "Directory of the project; it is created when there is none." }),
  };
  static override readonly flags = {
    template: Flags.string({
      char: "t",
      summary: "What to start from; see --list-templates.",
      helpValue: "NAME",
      env: "AEGRA_TEMPLATE",
    }),
    name: Flags.string({
      char: "n",
      summary: "Name in package.json; otherwise that of the directory.",
      env: "AEGRA_NAME",
    }),
    "package-manager": Flags.option({
      options: PACKAGE_MANAGERS,
      summary: "Who installs the dependencies; otherwise the one that runs this command, or npm.",
      env: "AEGRA_PACKAGE_MANAGER",
    })(),
    install: Flags.boolean({
      summary: "Install the dependencies.",
      allowNo: true,
      env: "AEGRA_INSTALL",
    }),
    force: Flags.boolean({
      summary: "Replace files that exist already, except .env.",
      env: "AEGRA_FORCE",
    }),
    yes: Flags.boolean({
      char: "y",
      summary: "Ask nothing: chatbot in the current directory if it is empty, with its dependencies.",
      env: "AEGRA_YES",
    }),
    "list-templates": Flags.boolean({
      summary: "List the templates and do nothing else.",
      env: "AEGRA_LIST_TEMPLATES",
    }),
  };

  override async run(): Promise<InitResult | TemplateList> {
    const { args, flags } = await this.parse(Init);
    if (flags["list-templates"]) return this.#listTemplates();

    const cwd = resolve(flags.cwd ?? ".");
    if (flags.name !== undefined) checkName(flags.name);
    const answers = await answerInit({
      path: args.path,
      template: flags.template,
      install: flags.install,
      yes: flags.yes,
      interactive: isInteractive({ input: flags.input, json: this.jsonEnabled() }),
      cwd,
    });

    const project = {
      ...answers,
      name: flags.name ?? toName(answers.directory),
      packageManager: flags["package-manager"] ?? toPackageManager(readUserAgent()),
      aegraVersion: this.config.version,
      postgresPassword: createPassword(),
      force: flags.force,
    };
    const files = await this.#create(project, flags.quiet || this.jsonEnabled());
    const result = {
      path: project.directory,
      template: project.template.name,
      files,
      next: nextCommands(project, cwd),
    };
    await this.#report(project, result);
    return result;
  }

  async #listTemplates(): Promise<TemplateList> {
    const templates = (await listTemplates()).map(({ name, description }) => ({ name, description }));
    const width = Math.max(...templates.map(({ name }) => name.length));
    for (const { name, description } of templates) this.log(`${name.padEnd(width)}  ${description}`);
    return { templates };
  }

  async #create(project: NewProject, silent: boolean): Promise<readonly WrittenFile[]> {
    const interrupt = new AbortController();
    const stop = () => interrupt.abort();
    // Not once(): what restores the cursor ends the process by itself when it finds no other listener left.
    process.on("SIGINT", stop);
    try {
      const { files } = await initTasks(project, { silent, signal: interrupt.signal }).run();
      return files;
    } catch (error) {
      if (interrupt.signal.aborted) throw cancelled(error);
      throw error;
    } finally {
      process.off("SIGINT", stop);
    }
  }

  async #report(project: NewProject, { path, template, files, next }: InitResult): Promise<void> {
    const kept = files.filter(({ action }) => action === "skip").map((file) => file.path);
    if (kept.length > 0) this.warnUser(`Kept what was there: ${kept.join(", ")}.`);
    for (const problem of await reviewKeptFiles(path, files, project)) this.warnUser(problem);
    this.log(`Created ${project.name} in ${path} from the template ${template}. Next:`);
    for (const command of next) this.log(`  ${command}`);
  }
}

function nextCommands({ directory, install, packageManager }: NewProject, cwd: string): string[] {
  const path = relative(cwd, directory);
  return [
    ...(path === "" ? [] : [`cd ${/\s/.test(path) ? `"${path}"` : path}`]),
    ...(install ? [] : [`${packageManager} install`]),
    toRunCommand(packageManager, "dev"),
    toRunCommand(packageManager, "chat", '"hello"'),
  ];
}
