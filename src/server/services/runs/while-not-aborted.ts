import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a graph may take to stop by itself before it is left behind. */
const STOP_GRACE_MS = 5000;

/**
 * Passes items on until `signal` aborts. A source that does not end within the grace is abandoned, so that
 * a node that ignores its signal cannot hold the run.
 *
 * @throws the reason of the signal, when the source had to be abandoned
 */
export async function* whileNotAborted<T>(
  source: AsyncGenerator<T, void, undefined>,
  signal: AbortSignal,
): AsyncGenerator<T, void, undefined> {
  const settled = new AbortController();
  const abandoned = abandonAfterGrace(signal, settled.signal);
  // A rejection nobody waits for any more is not an unhandled one.
  abandoned.catch(() => undefined);
  try {
    for (;;) {
      const next = await Promise.race([source.next(), abandoned]);
      if (next.done) return;
      yield next.value;
    }
  } finally {
    settled.abort();
    // Not awaited: an abandoned source may never answer.
    source.return().catch(() => undefined);
  }
}

/** Never resolves. Rejects when the grace after an abort is over; settles quietly when `settled` comes first. */
async function abandonAfterGrace(signal: AbortSignal, settled: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, "abort", { signal: settled });
  await sleep(STOP_GRACE_MS, undefined, { signal: settled });
  throw signal.reason;
}
