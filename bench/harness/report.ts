import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import {
  comparedWithTarget,
  isTargetMet,
  type Measurement,
  type SideName,
  type Spread,
  spreadOf,
} from "./samples.ts";

/** What the numbers were measured on, and how. */
export interface Circumstances {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memory_gigabytes: number;
  readonly node: string;
  readonly postgres: string;
  /** Processes that wanted to run in the minute before. Well above 0 means the machine was not free. */
  readonly load_before: number;
  readonly rounds: number;
  readonly seconds_a_sample: number;
}

const SIDES: readonly SideName[] = ["ours", "peer", "floor"];

export const describeCircumstances = (
  how: Pick<Circumstances, "rounds" | "seconds_a_sample" | "postgres">,
): Circumstances => ({
  date: new Date().toISOString(),
  cpu: cpus()[0]?.model ?? "unknown",
  cores: availableParallelism(),
  memory_gigabytes: Math.round(totalmem() / 1e9),
  node: process.versions.node,
  load_before: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  ...how,
});

/** The results as a Markdown table: medians, and in parentheses the least and the most. */
export function toTable(measurements: readonly Measurement[]): string {
  const head = ["figure", "unit", ...SIDES, "compared", "target", ""];
  const rows = measurements.map((measurement) => [
    measurement.name,
    measurement.unit,
    ...SIDES.map((side) => showSamples(measurement.samples[side])),
    showCompared(measurement),
    showTarget(measurement),
    showMet(measurement),
  ]);
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

export function toText(circumstances: Circumstances): string {
  const { date, cpu, cores, memory_gigabytes, node, postgres, load_before, rounds, seconds_a_sample } =
    circumstances;
  return (
    `${date}, ${cpu}, ${cores} cores, ${memory_gigabytes} GB, Node ${node}, ${postgres}; ` +
    `${rounds} rounds of ${seconds_a_sample} s, load of the machine before ${load_before}`
  );
}

const showSamples = (values: readonly number[] | undefined): string =>
  values === undefined || values.length === 0 ? "" : showSpread(spreadOf(values));

function showSpread({ median, min, max }: Spread): string {
  return min === max ? show(median) : `${show(median)} (${show(min)}–${show(max)})`;
}

const show = (value: number): string => {
  if (Number.isInteger(value) || value >= 100) return value.toFixed(0);
  return value.toFixed(value >= 10 ? 1 : value >= 1 ? 2 : 3);
};

function showCompared(measurement: Measurement): string {
  const compared = comparedWithTarget(measurement);
  const over = measurement.target?.over ?? null;
  return compared === null || over === null ? "" : `÷ ${over}: ${showSpread(compared)}`;
}

const showTarget = ({ target }: Measurement): string =>
  target === null ? "" : `${target.bound === "at least" ? "≥" : "≤"} ${target.limit}`;

function showMet(measurement: Measurement): string {
  const met = isTargetMet(measurement);
  return met === null ? "" : met ? "✓" : "✗";
}
