import type { DockerEngine } from "../engine.ts";
import { openStream } from "./open-logs.ts";
import { toProjectFilter } from "./project-containers.ts";

/** Something that has happened to a container. */
export interface ContainerEvent {
  readonly id: string;
  readonly action: "start" | "die" | "oom" | "destroy";
  /** Of `die`, otherwise null. */
  readonly exitCode: number | null;
  /** On the engine's clock, as it writes the times of log lines. */
  readonly ts: string;
}

const ACTIONS = ["start", "die", "oom", "destroy"] as const;

/** What happens to the containers of a project from now on; ends when the engine ends the connection. */
export async function openContainerEvents(
  docker: DockerEngine,
  project: string,
  signal: AbortSignal,
): Promise<AsyncIterable<ContainerEvent>> {
  // All events would have the command lines of probes among them.
  const filters = JSON.stringify({
    type: ["container"],
    event: ACTIONS,
    label: [toProjectFilter(project)],
  });
  return toEvents(await openStream(docker, "/events?", { filters }, signal));
}

async function* toEvents(answer: AsyncIterable<Buffer>): AsyncGenerator<ContainerEvent> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of answer) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) {
      const event = toEvent(line);
      if (event !== null) yield event;
    }
  }
}

interface Message {
  readonly id?: string;
  readonly Action?: string;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
  readonly timeNano?: number;
}

function toEvent(line: string): ContainerEvent | null {
  if (line.trim() === "") return null;
  const { id, Action: action, Actor: actor, timeNano = 0 } = JSON.parse(line) as Message;
  const known = ACTIONS.find((name) => name === action);
  const container = actor?.ID ?? id;
  if (known === undefined || container === undefined) return null;
  const code = actor?.Attributes?.["exitCode"] ?? actor?.Attributes?.["containerExitCode"];
  return {
    id: container,
    action: known,
    exitCode: code === undefined ? null : Number(code),
    ts: new Date(timeNano / 1e6).toISOString(),
  };
}
