/** How long a graph may take to stop by itself before it is left behind. */
const STOP_GRACE_MS = 5000;

/**
 * Passes items on until `signal` aborts. A source that does not end within the grace is abandoned, so that
 * a node that ignores its signal cannot hold the run.
 *
 * @throws the reason of the signal, when the source had to be abandoned
 */
export function whileNotAborted<T>(
  source: AsyncGenerator<T, void, undefined>,
  signal: AbortSignal,
): AsyncIterable<T> {
  let abandon: (reason: unknown) => void = () => undefined;
  let grace: NodeJS.Timeout | undefined;
  const onAbort = () => {
    grace = setTimeout(() => abandon(signal.reason), STOP_GRACE_MS);
  };
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();

  const stop = () => {
    clearTimeout(grace);
    signal.removeEventListener("abort", onAbort);
  };
  // Not a generator, which would cost each item some turns of the queue of promises.
  const items: AsyncIterator<T, void> = {
    // A promise for each item instead of a race with one for all: that one would keep a reaction of every item.
    next: () =>
      new Promise((resolve, reject) => {
        const fail = (error: unknown) => {
          stop();
          reject(error);
          // Not awaited: an abandoned source may never answer.
          source.return().catch(() => undefined);
        };
        abandon = fail;
        source.next().then((item) => {
          if (item.done) stop();
          resolve(item);
        }, fail);
      }),
    async return() {
      stop();
      source.return().catch(() => undefined);
      return { done: true, value: undefined };
    },
  };
  return { [Symbol.asyncIterator]: () => items };
}
