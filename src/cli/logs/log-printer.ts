import type { LogEvent } from "../../docker/logs/log-event.ts";
import type { ServiceContainer } from "../../docker/logs/project-containers.ts";
import { formatLine, type LineFormat, type Style } from "./format-line.ts";
import { toLogRecord } from "./log-record.ts";

export interface TextFormat extends LineFormat {
  /** Whether each line begins with the name of its container. */
  readonly hasPrefix: boolean;
}

/** Red and yellow are for errors and warnings. */
const SERVICE_STYLES: readonly Style[] = [
  "cyan",
  "green",
  "magenta",
  "blue",
  "cyanBright",
  "greenBright",
  "magentaBright",
  "blueBright",
];

/** Puts what is told into text, for people. @returns null for what is not part of the log */
export function createTextPrinter(format: TextFormat) {
  const { paint, hasPrefix } = format;
  let width = 0;
  const toPrefix = (container: ServiceContainer, isError: boolean): string => {
    if (!hasPrefix) return "";
    const name = `${container.service}-${container.index}`;
    width = Math.max(width, name.length);
    return `${paint(toStyle(container.service), name.padEnd(width))} ${paint("dim", isError ? "┃" : "│")} `;
  };
  return (event: LogEvent): string | null => {
    if (event.kind === "line") {
      const prefix = toPrefix(event.container, event.line.stream === "stderr");
      return formatLine(event.line, format)
        .map((line) => `${prefix}${line}\n`)
        .join("");
    }
    const words = toWords(event);
    return words === null ? null : `${toPrefix(words.container, false)}${paint("dim", words.text)}\n`;
  };
}

function toWords(event: LogEvent): { readonly container: ServiceContainer; readonly text: string } | null {
  if (event.kind === "started") return { container: event.container, text: "▶ started" };
  if (event.kind === "removed") return { container: event.container, text: "✕ removed" };
  if (event.kind !== "exited") return null;
  const code = event.exitCode === null ? "" : ` (${event.exitCode})`;
  return { container: event.container, text: `⏹ exited${code}${event.oom ? ", out of memory" : ""}` };
}

/** The same service has the same colour every time. */
function toStyle(service: string): Style {
  let hash = 0;
  for (const letter of service) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 65_521;
  return SERVICE_STYLES[hash % SERVICE_STYLES.length] ?? "cyan";
}

/** Puts what is told into a line of JSON. The keys are frozen: scripts read them. */
export function toJsonLine(event: LogEvent): string | null {
  if (event.kind === "line") {
    const { line, container, source } = event;
    const { fields } = toLogRecord(line.text);
    return toJson({
      ts: line.ts,
      ...toNames(container),
      stream: line.stream,
      line: line.text,
      ...(fields !== null && { fields }),
      source,
    });
  }
  if (event.kind === "started" || event.kind === "removed") {
    return toJson({ event: event.kind, ts: event.ts, ...toNames(event.container) });
  }
  if (event.kind === "exited") {
    const { kind, ts, container, exitCode, oom } = event;
    return toJson({ event: kind, ts, ...toNames(container), exitCode, oom });
  }
  return event.kind === "disconnected" || event.kind === "reconnected" ? toJson({ event: event.kind }) : null;
}

const toNames = ({ service, index, name }: ServiceContainer) => ({ service, index, container: name });

const toJson = (value: object): string => `${JSON.stringify(value)}\n`;
