import type { Frame } from "./wire.ts";

/** Ids that the test knows, by the word that is to stand for them. */
export type Names = Readonly<Record<string, string>>;

const WIDTH = 100;
/** A UUID, or LangGraph's id of an interrupt. */
const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g;
const VERSION = /(?<=")\d+\.\d+\.\d+(?:-[\w.]+)?(?=")/g;

/**
 * The streams of a conversation as text to be compared: ids are numbered in the order in which they appear,
 * times and versions replaced, data broken into lines where it is long, which server-sent events allow.
 */
export function toTranscript(streams: readonly (readonly Frame[])[], names: Names): string {
  const words = new Map(Object.entries(names).map(([word, id]) => [id, `<${word}>`]));
  const wordFor = (id: string) => {
    const word = words.get(id) ?? `<id ${words.size - Object.keys(names).length + 1}>`;
    words.set(id, word);
    return word;
  };
  const normalise = (text: string) =>
    text.replaceAll(TIME, "<time>").replaceAll(VERSION, "<version>").replaceAll(ID, wordFor);

  const toBlock = ({ event, data, id }: Frame): string => {
    const name = normalise(event);
    const lines = format(JSON.parse(normalise(JSON.stringify(data))), 0).split("\n");
    const fields = [`event: ${name}`, ...lines.map((line) => `data: ${line}`)];
    return `${[...fields, ...(id === null ? [] : ["id: <seq>"])].join("\n")}\n\n`;
  };
  return streams.map((frames, index) => `: run ${index + 1}\n\n${frames.map(toBlock).join("")}`).join("");
}

/** JSON that breaks only what does not fit into a line. */
function format(value: unknown, depth: number): string {
  const flat = JSON.stringify(value);
  if (typeof value !== "object" || value === null || flat.length + 2 * depth <= WIDTH) return flat;
  const indent = "  ".repeat(depth + 1);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  const items = Array.isArray(value)
    ? value.map((item) => format(item, depth + 1))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${format(item, depth + 1)}`);
  return `${open}\n${items.map((item) => indent + item).join(",\n")}\n${"  ".repeat(depth)}${close}`;
}
