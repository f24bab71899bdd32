import { ConfigError } from "./errors.ts";

type Token = "{" | "}" | "[" | "]" | ":" | "," | "string" | "literal";
type State = "value" | "first value" | "key" | "first key" | "colon" | "member end" | "item end" | "text end";

/** Which token may come where, and what comes after it; "end" is the end state of what is open around it. */
const GRAMMAR: Readonly<Record<State, Partial<Record<Token, State | "end">>>> = {
  value: { string: "end", literal: "end", "{": "first key", "[": "first value" },
  "first value": { string: "end", literal: "end", "{": "first key", "[": "first value", "]": "end" },
  key: { string: "colon" },
  "first key": { string: "colon", "}": "end" },
  colon: { ":": "value" },
  "member end": { ",": "key", "}": "end" },
  "item end": { ",": "value", "]": "end" },
  "text end": {},
};

const EXPECTED: Readonly<Record<State, string>> = {
  value: "a value",
  "first value": 'a value or "]"',
  key: "a key in double quotes",
  "first key": 'a key in double quotes or "}"',
  colon: '":"',
  "member end": '"," or "}"',
  "item end": '"," or "]"',
  "text end": "the end of the file",
};

const BLANK = /[ \t\r\n]*/y;
const TOKEN =
  /("(?:[^"\\\r\n]|\\.)*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:])/y;

interface Mistake {
  readonly offset: number;
  readonly expected: string;
}

/**
 * Reads JSON that a person wrote; a byte order mark in front, as Windows editors leave it, is fine.
 *
 * @throws ConfigError with line and column of the first token that is wrong
 */
export function parseJson(text: string, file: string): unknown {
  const json = text.replace(/^\uFEFF/, "");
  try {
    return JSON.parse(json);
  } catch (cause) {
    const mistake = findMistake(json);
    const before = json.slice(0, mistake.offset).split("\n");
    const place = `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
    const rest = json.slice(mistake.offset);
    const found = rest === "" ? "the end of the file" : (/^(?:[\w"'-]{1,20}|.)/.exec(rest)?.[0] ?? "");
    throw new ConfigError(
      `${file} is not valid JSON: ${place}: expected ${mistake.expected}, found ${found}`,
      suggest(json, mistake.offset),
      cause,
    );
  }
}

function suggest(json: string, offset: number): string[] {
  const rest = json.slice(offset);
  if (/^\/[/*]/.test(rest)) return ["Remove the comment: JSON has none."];
  if (rest.startsWith("'")) return ['Write strings in double quotes: "like this".'];
  if (/^"[^"\r\n]*\\/.test(rest)) return ['Write each backslash twice, or use "/" in paths.'];
  if (/^[}\]]/.test(rest) && json.slice(0, offset).trimEnd().endsWith(",")) {
    return ["Remove the comma in front of it."];
  }
  return [];
}

/**
 * Walks the tokens of a text that is known not to be JSON, up to the one that should not be there.
 * The message of JSON.parse has a position for some mistakes only, and its wording is not a contract.
 */
function findMistake(json: string): Mistake {
  const open: Token[] = [];
  let state: State = "value";
  let offset = skipBlank(json, 0);
  for (;;) {
    TOKEN.lastIndex = offset;
    const match = TOKEN.exec(json);
    if (match === null) return { offset, expected: EXPECTED[state] };
    const next = advance(state, toToken(match), open);
    if (next === null) return { offset, expected: EXPECTED[state] };
    if (match[1] !== undefined && !isString(match[1])) {
      return { offset, expected: "a string without stray backslashes and control characters" };
    }
    state = next;
    offset = skipBlank(json, offset + match[0].length);
  }
}

function skipBlank(json: string, offset: number): number {
  BLANK.lastIndex = offset;
  return offset + (BLANK.exec(json)?.[0].length ?? 0);
}

function toToken([, string, literal, mark]: RegExpExecArray): Token {
  if (string !== undefined) return "string";
  return literal === undefined ? (mark as Token) : "literal";
}

/** The state after a token, keeping `open` up to date; null when the token may not come here. */
function advance(state: State, token: Token, open: Token[]): State | null {
  const next = GRAMMAR[state][token];
  if (next === undefined) return null;
  if (token === "{" || token === "[") open.push(token);
  if (token === "}" || token === "]") open.pop();
  if (next !== "end") return next;
  if (open.length === 0) return "text end";
  return open.at(-1) === "{" ? "member end" : "item end";
}

function isString(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    // Being told is all the caller wants.
    return false;
  }
}
