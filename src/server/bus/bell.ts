/** Wakes those who wait for something to happen. */
export interface Bell {
  /** Wakes everyone, once for everything that happens in this turn of the event loop. */
  ring(): void;
  /** Resolves with the next ring, or when `signal` aborts. */
  wait(signal: AbortSignal): Promise<void>;
}

export function createBell(): Bell {
  const waiting = new Set<() => void>();
  let isScheduled = false;

  return {
    ring() {
      if (isScheduled) return;
      isScheduled = true;
      setImmediate(() => {
        isScheduled = false;
        for (const wake of [...waiting]) wake();
      });
    },

    wait: (signal) =>
      new Promise((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiting.add(wake);
        signal.addEventListener("abort", wake);
        if (signal.aborted) wake();
      }),
  };
}
