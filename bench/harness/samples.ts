/** What is measured: our server, the other server of the protocol, and LangGraph without a server. */
export type SideName = "ours" | "peer" | "floor";

/** One number a round, for each side that was measured; the n-th numbers are of the same round. */
export type Samples = Partial<Record<SideName, readonly number[]>>;

export interface Target {
  /** What ours is divided by before it is compared; null compares it as it is. */
  readonly over: "peer" | "floor" | null;
  readonly bound: "at least" | "at most";
  readonly limit: number;
}

/** One line of the results. */
export interface Measurement {
  readonly name: string;
  readonly unit: string;
  readonly samples: Samples;
  /** Null for what is only told. */
  readonly target: Target | null;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws RangeError for no values */
export function spreadOf(values: readonly number[]): Spread {
  return { median: quantile(values, 0.5), min: quantile(values, 0), max: quantile(values, 1) };
}

/**
 * The value that a share of all values does not exceed; between two values, in proportion.
 * @throws RangeError for no values
 */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  if (below === undefined || above === undefined)
    throw new RangeError("there is nothing to take a quantile of");
  return below + (above - below) * (place - Math.floor(place));
}

/**
 * What a target is compared with. Rounds are compared one by one, so that whatever slowed a whole round down
 * cancels out.
 *
 * @returns null when one of the two sides was not measured
 */
export function comparedWithTarget({ samples, target }: Measurement): Spread | null {
  const { ours } = samples;
  if (ours === undefined || target === null) return null;
  if (target.over === null) return spreadOf(ours);
  const over = samples[target.over];
  return over === undefined
    ? null
    : spreadOf(ours.map((value, round) => value / (over[round] ?? Number.NaN)));
}

/** @returns null when there is nothing to compare */
export function isTargetMet(measurement: Measurement): boolean | null {
  const compared = comparedWithTarget(measurement);
  if (measurement.target === null || compared === null) return null;
  const { bound, limit } = measurement.target;
  return bound === "at least" ? compared.median >= limit : compared.median <= limit;
}
