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
  let abandon: (reason: unknown) => void = () => undefined;
  let grace: NodeJS.Timeout | undefined;
  const onAbort = () => {
    grace = setTimeout(() => abandon(signal.reason), STOP_GRACE_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();

  // A promise for each item instead of a race with one for all: that one would keep a reaction of every item.
  const next = () =>
    new Promise<IteratorResult<T, void>>((resolve, reject) => {
      abandon = reject;
      source.next().then(resolve, reject);
    });
  try {
    for (let item = await next(); !item.done; item = await next()) yield item.value;
  } finally {
    clearTimeout(grace);
    signal.removeEventListener("abort", onAbort);
    // Not awaited: an abandoned source may never answer.
    source.return().catch(() => undefined);
  }
}
