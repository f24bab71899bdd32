import path from "node:path";
import { parseArgs } from "node:util";
import { FIGURES } from "./figures/all.ts";
import type { Figure } from "./harness/figure.ts";

const OPTIONS = {
  only: { type: "string", multiple: true, default: [] as string[] },
  rounds: { type: "string", default: "5" },
  seconds: { type: "string", default: "3" },
  json: { type: "string" },
  "cpu-profile": { type: "string" },
  build: { type: "boolean", default: true },
  help: { type: "boolean", default: false },
} as const;

export const HELP = `Measures the server against @langchain/langgraph-api and against LangGraph without a server.

USAGE
  npm run bench [-- OPTIONS]

OPTIONS
  --only FIGURE          Measure this figure alone; may be repeated.
  --rounds N             Rounds that count, after one that does not (5).
  --seconds N            How long one sample of a rate takes (3).
  --json FILE            Write every sample there too.
  --cpu-profile FOLDER   Write CPU profiles of our server there, which slows it down.
  --no-build             Measure dist/ as it is.
  --help                 Print this.

FIGURES
${FIGURES.map(({ id, summary }) => `  ${id.padEnd(20)} ${summary}`).join("\n")}
`;

export interface Settings {
  readonly figures: readonly Figure[];
  readonly rounds: number;
  readonly seconds: number;
  readonly jsonFile: string | null;
  readonly profileFolder: string | null;
  readonly build: boolean;
}

/**
 * Reads the command line.
 *
 * @returns null when only help was asked for
 * @throws Error that says what is wrong with it
 */
export function readSettings(): Settings | null {
  const { values } = parseArgs({ options: OPTIONS, allowNegative: true });
  if (values.help) return null;
  const unknown = values.only.find((id) => !FIGURES.some((figure) => figure.id === id));
  if (unknown !== undefined) throw new Error(`there is no figure ${unknown}; --help lists them`);
  return {
    figures: FIGURES.filter(({ id }) => values.only.length === 0 || values.only.includes(id)),
    rounds: readPositive("--rounds", values.rounds, Number.isInteger),
    seconds: readPositive("--seconds", values.seconds, Number.isFinite),
    jsonFile: values.json === undefined ? null : path.resolve(values.json),
    profileFolder: values["cpu-profile"] === undefined ? null : path.resolve(values["cpu-profile"]),
    build: values.build,
  };
}

function readPositive(option: string, text: string, isKind: (value: number) => boolean): number {
  const value = Number(text);
  if (!isKind(value) || value <= 0) throw new Error(`${option}: expected a number above 0, found ${text}`);
  return value;
}
