import { closest, distance } from "fastest-levenshtein";

/** The name that was probably meant; null when none is near enough to be it. */
export function findNearest(typed: string, names: readonly string[]): string | null {
  if (names.length === 0) return null;
  const nearest = closest(typed, names);
  return distance(typed, nearest) <= Math.max(2, typed.length / 3) ? nearest : null;
}
