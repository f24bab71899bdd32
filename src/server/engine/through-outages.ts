import { setTimeout as sleep } from "node:timers/promises";

/** How long to wait before another try: 0.1 s, then twice as long each time, up to 2 s. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 2000;

export interface Patience {
  /** Whether an error says that the database is away, as opposed to anything that would happen again. */
  readonly isOutage: (error: unknown) => boolean;
  /** Asked before every other try. Once it is false, the outage is thrown. */
  readonly isWorthwhile: () => boolean;
}

/** Does `work` again for as long as the database is away. It may have been done although it was said to have failed. */
export async function throughOutages<T>(
  work: () => Promise<T>,
  { isOutage, isWorthwhile }: Patience,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, MAX_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      if (!isOutage(error) || !isWorthwhile()) throw error;
      await sleep(pauseMs);
      if (!isWorthwhile()) throw error;
    }
  }
}
