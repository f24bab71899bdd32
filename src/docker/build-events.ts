import { createInterface } from "node:readline";
import { withoutSettling } from "./dockerfile.ts";
import { type Field, readMessage, readText } from "./protobuf.ts";

/** What a build tells while it goes on, whatever builder it is. */
export type BuildEvent =
  | { readonly kind: "started" | "cached"; readonly step: string }
  | { readonly kind: "done"; readonly step: string; readonly durationMs: number }
  | { readonly kind: "failed"; readonly step: string; readonly reason: string }
  | { readonly kind: "log"; readonly step: string; readonly line: string }
  | { readonly kind: "image"; readonly id: string }
  | { readonly kind: "error"; readonly reason: string };

/** One line of the engine's answer; see «Build an image» in the Docker Engine API. */
interface BuildLine {
  readonly id?: string;
  readonly stream?: string;
  readonly aux?: string | { readonly ID?: string };
  readonly error?: string;
  readonly errorDetail?: { readonly message?: string };
}

/**
 * Reads the engine's answer to a build. An answer is 200 also for a build that fails; the only sign is an `error`
 * among its lines.
 */
export async function* readBuildEvents(answer: NodeJS.ReadableStream): AsyncGenerator<BuildEvent> {
  const buildkit = openBuildKitReader();
  const classic = openClassicReader();
  for await (const line of createInterface({ input: answer, crlfDelay: Number.POSITIVE_INFINITY })) {
    const event = parse(line);
    if (typeof event.aux === "string" && event.id === "moby.buildkit.trace") {
      yield* buildkit.read(Buffer.from(event.aux, "base64"));
    } else if (event.error !== undefined) {
      yield* buildkit.end();
      yield { kind: "error", reason: event.errorDetail?.message ?? event.error };
    } else if (typeof event.aux === "object" && event.aux.ID !== undefined) {
      yield { kind: "image", id: event.aux.ID };
    } else if (event.stream !== undefined) {
      yield* classic.read(event.stream);
    }
  }
  yield* buildkit.end();
}

function parse(line: string): BuildLine {
  try {
    return (JSON.parse(line) as BuildLine | null) ?? {};
  } catch {
    // Proxies add lines of their own; progress is all that is lost.
    return {};
  }
}

const MAX_STEP = 110;

/** An instruction on one line, without what it mounts and with an end. */
function toStepName(instruction: string): string {
  const words = instruction.replaceAll(/--mount=\S+ /g, "").replaceAll(/[\s\\]+/g, " ");
  const line = withoutSettling(words).trim();
  return line.length <= MAX_STEP ? line : `${line.slice(0, MAX_STEP - 1)}…`;
}

/** Takes text as it comes and gives whole lines. */
function openLines() {
  let rest = "";
  return {
    add(text: string): string[] {
      const lines = (rest + text).split(/\r?\n|\r/);
      rest = lines.pop() ?? "";
      return lines;
    },
    end(): string[] {
      const last = rest;
      rest = "";
      return last === "" ? [] : [last];
    },
  };
}

/** The numbers of the fields of `moby.buildkit.v1.StatusResponse` and what is in it. */
const STATUS = { vertexes: 1, logs: 3 };
const VERTEX = { digest: 1, name: 3, cached: 4, started: 5, completed: 6, error: 7 };
const LOG = { vertex: 1, message: 4 };

interface Step {
  readonly name: string;
  readonly lines: ReturnType<typeof openLines>;
  startedAtMs: number | null;
  ended: boolean;
}

function openBuildKitReader() {
  const steps = new Map<string, Step>();

  const messages = (fields: ReadonlyMap<number, readonly Field[]>, number: number) =>
    (fields.get(number) ?? []).filter(Buffer.isBuffer).map(readMessage);

  function* readVertex(vertex: ReadonlyMap<number, readonly Field[]>): Generator<BuildEvent> {
    const digest = readText(vertex, VERTEX.digest);
    const step: Step = steps.get(digest) ?? {
      name: toStepName(readText(vertex, VERTEX.name)),
      lines: openLines(),
      startedAtMs: null,
      ended: false,
    };
    steps.set(digest, step);
    if (step.ended) return;
    if (vertex.has(VERTEX.started) && step.startedAtMs === null) {
      step.startedAtMs = performance.now();
      yield { kind: "started", step: step.name };
    }
    if (!vertex.has(VERTEX.completed)) return;
    step.ended = true;
    yield* logOf(step, step.lines.end());
    const reason = readText(vertex, VERTEX.error);
    const durationMs = Math.round(performance.now() - (step.startedAtMs ?? performance.now()));
    if (reason !== "") yield { kind: "failed", step: step.name, reason };
    else if (vertex.get(VERTEX.cached)?.[0] === 1) yield { kind: "cached", step: step.name };
    else yield { kind: "done", step: step.name, durationMs };
  }

  return {
    *read(message: Buffer): Generator<BuildEvent> {
      const status = readMessage(message);
      const vertexes = messages(status, STATUS.vertexes);
      const isEnd = (vertex: ReadonlyMap<number, readonly Field[]>) => vertex.has(VERTEX.completed);
      // What a step has said comes before its end, also when both are in one message.
      for (const vertex of vertexes) if (!isEnd(vertex)) yield* readVertex(vertex);
      for (const log of messages(status, STATUS.logs)) {
        const step = steps.get(readText(log, LOG.vertex));
        if (step !== undefined) yield* logOf(step, step.lines.add(readText(log, LOG.message)));
      }
      for (const vertex of vertexes) if (isEnd(vertex)) yield* readVertex(vertex);
    },
    *end(): Generator<BuildEvent> {
      for (const step of steps.values()) yield* logOf(step, step.lines.end());
    },
  };
}

function* logOf({ name }: Step, lines: readonly string[]): Generator<BuildEvent> {
  for (const line of lines) yield { kind: "log", step: name, line };
}

/** The first builder numbers its steps, and tells apart by their words what is a step and what one says. */
function openClassicReader() {
  const lines = openLines();
  let step: { readonly name: string; readonly startedAtMs: number } | null = null;
  return {
    *read(text: string): Generator<BuildEvent> {
      for (const line of lines.add(text)) {
        const next = /^Step \d+\/\d+ : (.*)$/.exec(line)?.[1];
        const ends = next !== undefined || line.startsWith("Successfully built ");
        if (ends && step !== null) {
          yield {
            kind: "done",
            step: step.name,
            durationMs: Math.round(performance.now() - step.startedAtMs),
          };
          step = null;
        }
        if (next !== undefined) {
          step = { name: toStepName(next), startedAtMs: performance.now() };
          yield { kind: "started", step: step.name };
        } else if (step !== null && !/^ ---> |^Removing intermediate /.test(line) && line !== "") {
          // Errors come in red.
          yield { kind: "log", step: step.name, line: line.replaceAll(COLORS, "") };
        }
      }
    },
  };
}

const COLORS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");
