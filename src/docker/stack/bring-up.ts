import type { DockerEngine } from "../engine.ts";
import { type DiagnoseOptions, diagnose } from "./diagnose.ts";
import { type Diagnosis, StackError } from "./errors.ts";
import type { StackContainer } from "./list-stack.ts";
import { NotReadyError, type Probed, waitUntilReady } from "./probes.ts";
import type { PlannedContainer } from "./stack-plan.ts";
import { startPlanned } from "./start-stack.ts";

export interface BringUpOptions {
  readonly docker: DockerEngine;
  /** Those that are there already. */
  readonly present: readonly StackContainer[];
  readonly recreates: boolean;
  /** Whether a service is waited for. */
  readonly waits: (service: string) => boolean;
  readonly diagnosis: DiagnoseOptions;
  readonly waiting: Waiting;
}

export interface Waiting {
  /** Aborted by the user. */
  readonly stop: AbortSignal;
  /** Aborted when the time is up. */
  readonly deadline: AbortSignal;
  /** How long that is, for messages. */
  readonly seconds: number;
}

/** One that is waited for together with others stops waiting when one of them has failed. */
class OtherFailedError extends Error {
  override readonly name = "OtherFailedError";
}

/** Starts a container of the plan and waits until it can be used. */
export interface Starter {
  readonly title: string;
  /** @returns what was done, in a word. @throws StackError with a diagnosis; the reason of the stop signal */
  start(): Promise<string>;
}

/**
 * @param wave containers that are started together: when one fails, the others are not waited for
 * @param toUrl where an api can be asked; null for what is not to be waited for over HTTP
 */
export function toStarters(
  options: BringUpOptions,
  wave: readonly PlannedContainer[],
  toUrl: (planned: PlannedContainer) => string | null,
): Starter[] {
  const others = new AbortController();
  return wave.map((planned) => ({
    title: planned.name,
    async start() {
      try {
        const { id, action } = await startPlanned(options.docker, planned, options);
        const { name, service } = planned;
        if (!options.waits(service)) return action;
        await waitFor(options, { id, name, service, url: toUrl(planned) }, others.signal);
        return action;
      } catch (error) {
        others.abort(new OtherFailedError());
        throw error;
      }
    },
  }));
}

/** @throws StackError with a diagnosis; the reason of the stop signal */
export async function waitFor(
  { docker, diagnosis, waiting }: Pick<BringUpOptions, "docker" | "diagnosis" | "waiting">,
  probed: Probed,
  others: AbortSignal = new AbortController().signal,
): Promise<void> {
  const signal = AbortSignal.any([waiting.stop, waiting.deadline, others]);
  try {
    await waitUntilReady(docker, probed, { signal });
  } catch (error) {
    waiting.stop.throwIfAborted();
    const isKnown = error instanceof NotReadyError || signal.aborted;
    if (!isKnown) throw error;
    const found = await diagnose(docker, probed.id, diagnosis);
    throw toStackError([found], waiting.deadline.aborted ? waiting.seconds : null);
  }
}

/** Of several errors of one wave the one to throw. */
export function joinErrors(errors: readonly unknown[]): unknown {
  const stack = errors.filter((error) => error instanceof StackError);
  const other = errors.find((error) => !(error instanceof StackError));
  const [first] = stack;
  if (other !== undefined || first === undefined) return other;
  // Those that had no time to become ready have nothing to tell.
  const failed = stack.filter(({ containers }) => containers.some(({ code }) => code !== "NOT_READY"));
  if (failed.length === 0 || stack.length === 1) return first;
  return new StackError(failed.map(({ message }) => message).join("\n"), {
    code: (failed[0] ?? first).code,
    containers: failed.flatMap(({ containers }) => containers),
    suggestions: [...new Set(failed.flatMap(({ suggestions }) => suggestions))],
    cause: first,
  });
}

/** What `aegra db upgrade` ends with when the tables cannot be upgraded. */
const MIGRATION_EXIT = 25;

function toStackError(containers: readonly Diagnosis[], seconds: number | null): StackError {
  const sentences = containers.map(({ container, cause, log, code }) => {
    const what = seconds !== null && code === "NOT_READY" ? `was not ready after ${seconds} s` : cause;
    return [`The container ${container} ${what}.`, ...log.map((line) => `  | ${line}`)].join("\n");
  });
  const isMigration = containers.some(
    ({ service, exitCode }) => service === "migrate" && exitCode === MIGRATION_EXIT,
  );
  const hints = containers.flatMap(({ hint }) => (hint === null ? [] : [hint]));
  const names = containers.map(({ container }) => `docker logs ${container}`);
  return new StackError(sentences.join("\n"), {
    code: seconds !== null ? "TIMEOUT" : isMigration ? "MIGRATION_FAILED" : "CONTAINER_FAILED",
    containers,
    suggestions:
      hints.length > 0
        ? hints
        : names.map((command) => `The container is kept; look at all of its log: ${command}`),
  });
}
