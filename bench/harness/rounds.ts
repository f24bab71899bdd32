import { quantile, type Samples, type SideName } from "./samples.ts";

type Take<T> = () => Promise<T>;

/** What each side gave, one value a round. */
export type Rounds<T> = Partial<Record<SideName, readonly T[]>>;

/**
 * Takes one sample of each side a round, after one round that does not count. Who is first changes with every
 * round, so that nobody always runs in the wake of the same other one.
 */
export async function inRounds<T>(
  rounds: number,
  sides: Partial<Record<SideName, Take<T>>>,
): Promise<Rounds<T>> {
  const all = Object.entries(sides).map(([side, take]) => ({ side, take, taken: [] as T[] }));
  for (const { take } of all) await take();
  for (let round = 0; round < rounds; round += 1) {
    const first = round % all.length;
    for (const { take, taken } of [...all.slice(first), ...all.slice(0, first)]) taken.push(await take());
  }
  return Object.fromEntries(all.map(({ side, taken }) => [side, taken]));
}

/** Picks one number out of what the rounds gave. */
export const pick = <T>(rounds: Rounds<T>, number: (value: T) => number): Samples =>
  Object.fromEntries(Object.entries(rounds).map(([side, values]) => [side, values.map(number)]));

export interface Load {
  readonly atOnce: number;
  readonly seconds: number;
}

export interface LoadResult {
  readonly perSecond: number;
  readonly medianMs: number;
  readonly done: number;
}

/**
 * Does something over and over, so many at once, until the time is over and what was begun is done.
 *
 * @param work resolves with how much it got done: 1 for a run, or the number of its events
 */
export async function repeatFor({ atOnce, seconds }: Load, work: Take<number>): Promise<LoadResult> {
  const startedMs = performance.now();
  const durationsMs: number[] = [];
  let done = 0;
  const client = async () => {
    while (performance.now() - startedMs < seconds * 1000) {
      const beganMs = performance.now();
      const got = await work();
      // In two steps: the sum must be read after the wait, during which others add to it.
      done += got;
      durationsMs.push(performance.now() - beganMs);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, client));
  const tookSeconds = (performance.now() - startedMs) / 1000;
  return { perSecond: done / tookSeconds, medianMs: quantile(durationsMs, 0.5), done };
}

/** Does something once for each of `count`, so many at once. */
export async function forEachOf<T>(
  count: number,
  atOnce: number,
  work: (index: number) => Promise<T>,
): Promise<T[]> {
  const results = new Array<T>(count);
  let next = 0;
  const client = async () => {
    for (let index = next++; index < count; index = next++) results[index] = await work(index);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, client));
  return results;
}
