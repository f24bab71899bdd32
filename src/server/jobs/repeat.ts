import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "pino";

export interface RepeatOptions {
  /** What is done, for the log. */
  readonly name: string;
  readonly everyMs: number;
  readonly log: Logger;
}

/** Does `work` again and again, the first time at once. An error is logged and does not end it. */
export function repeat(work: () => Promise<unknown>, { name, everyMs, log }: RepeatOptions): AsyncDisposable {
  const closing = new AbortController();
  const loop = (async () => {
    while (!closing.signal.aborted) {
      await work().catch((error: unknown) => log.error({ err: error, job: name }, "job failed"));
      await sleep(everyMs, undefined, { signal: closing.signal }).catch(() => undefined); // closing
    }
  })();
  return {
    async [Symbol.asyncDispose]() {
      closing.abort();
      await loop;
    },
  };
}
