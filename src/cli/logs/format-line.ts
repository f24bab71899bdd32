import { inspect, styleText } from "node:util";
import type { LogLine } from "../../docker/logs/read-log-lines.ts";
import { type Level, toLogRecord } from "./log-record.ts";

export type Style = Parameters<typeof styleText>[0];

/** Colours a text, or not, where colours are not wanted. */
export type Paint = (style: Style, text: string) => string;

export const paintFor = (isWanted: boolean): Paint =>
  isWanted ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;

export interface LineFormat {
  readonly paint: Paint;
  /** Whether lines of JSON are put into words. */
  readonly isPretty: boolean;
  readonly timestamps: "iso" | "local" | "relative" | null;
  readonly nowMs: () => number;
}

const LEVEL_STYLES: Readonly<Record<Level, Style>> = {
  trace: "dim",
  debug: "dim",
  info: "cyan",
  warn: "yellow",
  error: "red",
  fatal: ["red", "bold"],
};

/** Said elsewhere, or of no use to a reader. */
const HIDDEN_FIELDS = [
  "level",
  "severity",
  "lvl",
  "time",
  "timestamp",
  "pid",
  "hostname",
  "msg",
  "message",
  "v",
];

/** A line for people; a logged error has more than one. Without the name of its container. */
export function formatLine(line: LogLine, format: LineFormat): string[] {
  const time = toTime(line.ts, format);
  const [first = "", ...rest] = format.isPretty ? toWords(line.text, format.paint) : [line.text];
  return [time === null ? first : `${format.paint("dim", time)} ${first}`, ...rest];
}

function toWords(text: string, paint: Paint): string[] {
  const { level, fields } = toLogRecord(text);
  const message = fields?.["msg"] ?? fields?.["message"];
  if (fields === null || (level === null && message === undefined)) return [text];
  const { err, ...others } = fields;
  const badge = level === null ? [] : [paint(LEVEL_STYLES[level], level.toUpperCase().padEnd(5))];
  const named = Object.entries(others).filter(([name]) => !HIDDEN_FIELDS.includes(name));
  const details = named.map(([name, value]) => paint("dim", `${name}=${toText(value)}`));
  const error = toErrorLines(err);
  return [
    [...badge, ...(message === undefined ? [] : [toText(message)]), ...details].join(" "),
    ...error.map((part) => `    ${paint("red", part)}`),
  ];
}

const toText = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value));

function toErrorLines(error: unknown): string[] {
  if (error === undefined || error === null) return [];
  if (typeof error !== "object") return [String(error)];
  const { stack, message } = error as { stack?: unknown; message?: unknown };
  const text = [stack, message].find((part) => typeof part === "string") ?? inspect(error);
  return String(text).split("\n");
}

function toTime(ts: string, { timestamps, nowMs }: LineFormat): string | null {
  if (timestamps === null || ts === "") return null;
  if (timestamps === "iso") return ts;
  const epochMs = Date.parse(ts.replace(/(\.\d{3})\d+/, "$1"));
  if (timestamps === "relative") return toAge(nowMs() - epochMs).padStart(8);
  const at = new Date(epochMs);
  const two = (value: number) => String(value).padStart(2, "0");
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
  return `${clock}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

function toAge(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000));
  if (seconds < 60) return `${seconds}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  return seconds < 86_400 ? `${Math.floor(seconds / 3600)}h ago` : `${Math.floor(seconds / 86_400)}d ago`;
}
