import process from "node:process";
import type { DockerEngine } from "../../docker/engine.ts";
import { type AttachedCommand, runAttached } from "../../docker/stack/attach.ts";
import { StackError } from "../../docker/stack/errors.ts";
import { listStack } from "../../docker/stack/list-stack.ts";

export interface ServiceCommand extends Omit<AttachedCommand, "isTerminal"> {
  readonly service: string;
  /** Which of its containers. */
  readonly index: number;
  /** Null: if this process has one. */
  readonly terminal: boolean | null;
}

/**
 * Runs a command in a container of the stack, with the input and output of this process.
 *
 * @returns its exit code
 * @throws StackError `SERVICE_MISSING` when the container is not there, or does not run
 */
export async function runInService(
  docker: DockerEngine,
  project: string,
  { service, index, terminal, ...command }: ServiceCommand,
): Promise<number> {
  const present = await listStack(docker, project);
  const found = present.find((each) => each.service === service && each.index === index);
  if (found?.state !== "running") {
    const running = present.filter(({ state }) => state === "running").map((each) => each.service);
    throw new StackError(
      found === undefined
        ? `${project} has no container ${service}-${index}.`
        : `${found.name} does not run.`,
      {
        code: "SERVICE_MISSING",
        suggestions: [
          running.length === 0 ? "Start it: aegra up" : `These run: ${[...new Set(running)].join(", ")}.`,
        ],
      },
    );
  }
  const isTerminal = terminal ?? (process.stdin.isTTY === true && process.stdout.isTTY === true);
  const streams = { input: process.stdin, output: process.stdout, errors: process.stderr };
  return runAttached(docker, found.id, { ...command, isTerminal }, streams);
}
