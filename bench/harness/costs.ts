import { cpuTimeMs } from "./cpu-time.ts";
import type { Bench } from "./figure.ts";
import { type LoadResult, pick, type Rounds } from "./rounds.ts";
import type { Measurement } from "./samples.ts";

export interface CostedLoad extends LoadResult {
  /** CPU time for one run or event; null where the system does not tell. */
  readonly cpu: CpuCost | null;
}

interface CpuCost {
  readonly processMs: number;
  readonly postgresMs: number;
}

/** Also finds out how much CPU something took in a process and, meanwhile, in Postgres. */
export async function withCost(
  { postgres }: Bench,
  { pid }: { readonly pid: number },
  work: () => Promise<LoadResult>,
): Promise<CostedLoad> {
  const look = async () => ({
    process: await cpuTimeMs(pid),
    postgres: postgres.pid === null ? null : await cpuTimeMs(postgres.pid),
  });
  const before = await look();
  const result = await work();
  const after = await look();
  const each = (of: keyof typeof after) =>
    ((after[of] ?? Number.NaN) - (before[of] ?? Number.NaN)) / result.done;
  const cost = { processMs: each("process"), postgresMs: each("postgres") };
  return { ...result, cpu: Number.isNaN(cost.processMs + cost.postgresMs) ? null : cost };
}

/** The lines for it; none where the system does not tell. */
export function toCosts(name: string, unit: string, rounds: Rounds<CostedLoad>): readonly Measurement[] {
  const isKnown = Object.values(rounds)
    .flat()
    .every(({ cpu }) => cpu !== null);
  if (!isKnown) return [];
  const line = (what: string, of: keyof CpuCost): Measurement => ({
    name: `${name}: ${what}`,
    unit,
    samples: pick(rounds, ({ cpu }) => cpu?.[of] ?? Number.NaN),
    target: null,
  });
  return [line("CPU of the process", "processMs"), line("CPU of Postgres", "postgresMs")];
}
