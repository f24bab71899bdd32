import process from "node:process";
import { Listr, ListrLogger, ProcessOutput } from "listr2";
import { installDependencies } from "../../scaffold/package-manager.ts";
import { type ProjectOptions, planProject } from "../../scaffold/plan.ts";
import { renderProject } from "../../scaffold/render.ts";
import { type WrittenFile, writeProject } from "../../scaffold/write.ts";

export interface NewProject extends ProjectOptions {
  /** Absolute. */
  readonly directory: string;
  readonly install: boolean;
  readonly force: boolean;
}

/** Filled in by the tasks as they run. */
export interface InitOutcome {
  files: readonly WrittenFile[];
}

/** Writes the files of a new project and installs its dependencies. */
export function initTasks(project: NewProject, options: { silent: boolean; signal: AbortSignal }) {
  const { silent, signal } = options;
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  return new Listr<InitOutcome, "default" | "silent", "simple" | "silent">(
    [
      {
        title: `Write the files of ${project.name}`,
        task: async (outcome) => {
          const files = await renderProject(planProject(project));
          outcome.files = await writeProject(project.directory, files, project);
        },
      },
      {
        title: `Install the dependencies with ${project.packageManager}`,
        enabled: project.install,
        task: async (_outcome, task) =>
          installDependencies(project.packageManager, {
            directory: project.directory,
            signal,
            onLine: (line) => {
              task.output = line;
            },
          }),
      },
    ],
    {
      ctx: { files: [] },
      // The command decides what Ctrl-C does; listr2 would end the process with a code of its own.
      registerSignalListeners: false,
      renderer: silent ? "silent" : "default",
      fallbackRenderer: silent ? "silent" : "simple",
      rendererOptions: { logger },
      fallbackRendererOptions: { logger },
    },
  );
}
