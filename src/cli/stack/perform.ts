import process from "node:process";
import { Listr, ListrLogger, ProcessOutput } from "listr2";

/** Something that takes a while and is told of. */
export interface Job {
  readonly title: string;
  /** @returns what has become of it, in a few words */
  run(report: Report): Promise<string>;
}

/** Tells how a job goes on. What is passing is shown on a terminal only, until the next line. */
export type Report = (line: string, kind: "lasting" | "passing") => void;

/** Runs jobs at the same time. @returns the errors of those that failed, in no order */
export type Perform = (jobs: readonly Job[]) => Promise<unknown[]>;

/** Tells of jobs on stderr: with spinners on a terminal, elsewhere a line each. */
export function toPerform({ silent }: { readonly silent: boolean }): Perform {
  if (silent)
    return performWith(() => ({ report: () => undefined, done: () => undefined, failed: () => undefined }));
  return process.stderr.isTTY ? withSpinners : withLines();
}

interface Teller {
  readonly report: Report;
  readonly done: (outcome: string) => void;
  readonly failed: () => void;
}

const performWith =
  (tell: (job: Job) => Teller): Perform =>
  async (jobs) => {
    const errors: unknown[] = [];
    await Promise.all(
      jobs.map(async (job) => {
        const teller = tell(job);
        try {
          teller.done(await job.run(teller.report));
        } catch (error) {
          teller.failed();
          errors.push(error);
        }
      }),
    );
    return errors;
  };

const withSpinners: Perform = async (jobs) => {
  const logger = new ListrLogger({ processOutput: new ProcessOutput(process.stderr, process.stderr) });
  const errors: unknown[] = [];
  await new Listr(
    jobs.map(({ title, run }) => ({
      title,
      task: async (_context, task) => {
        try {
          const outcome = await run((line) => {
            task.output = line;
          });
          task.title = `${title}  ${outcome}`;
        } catch (error) {
          errors.push(error);
          throw new Error(`${title}  failed`, { cause: error });
        }
      },
    })),
    // The command decides what Ctrl-C does; listr2 would end the process with a code of its own.
    { concurrent: true, exitOnError: false, registerSignalListeners: false, rendererOptions: { logger } },
  ).run();
  return errors;
};

/** What takes long says nothing on its own: a line tells that it is not stuck. */
const QUIET_MS = 10_000;

function withLines(): Perform {
  const startedAtMs = performance.now();
  const tell = (title: string, text: string) => {
    const seconds = ((performance.now() - startedAtMs) / 1000).toFixed(2).padStart(6);
    process.stderr.write(`[${seconds}s] ${title}  ${text}\n`);
  };
  return performWith(({ title }) => {
    const timer = setInterval(() => tell(title, "goes on"), QUIET_MS);
    const end = (text: string) => {
      clearInterval(timer);
      tell(title, text);
    };
    return {
      report: (line, kind) => {
        if (kind === "lasting") tell(title, line);
      },
      done: end,
      failed: () => end("failed"),
    };
  });
}
