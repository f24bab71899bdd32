export interface RetentionOptions {
  readonly retentionMs: number;
  readonly maxBytes: number;
}

/** Something that is complete and that somebody may still ask for. */
export interface Retained {
  readonly sizeBytes: number;
  /** Whether somebody is at it: then it stays after its time, as long as there is room. */
  isInUse(): boolean;
  /** Called once. */
  forget(): void;
}

/** Keeps things for a while; when they take too much room, the oldest are forgotten earlier. */
export interface Retention extends Disposable {
  /** The last one is kept even if it is too large. */
  keep(item: Retained): void;
}

export function createRetention({ retentionMs, maxBytes }: RetentionOptions): Retention {
  const kept = new Map<Retained, NodeJS.Timeout>();
  let usedBytes = 0;

  const forget = (item: Retained) => {
    clearTimeout(kept.get(item));
    kept.delete(item);
    usedBytes -= item.sizeBytes;
    item.forget();
  };

  const expire = (item: Retained, timer: NodeJS.Timeout) => {
    if (item.isInUse()) timer.refresh();
    else forget(item);
  };

  return {
    keep(item) {
      const timer = setTimeout(() => expire(item, timer), retentionMs).unref();
      kept.set(item, timer);
      usedBytes += item.sizeBytes;
      for (const oldest of kept.keys()) {
        if (usedBytes <= maxBytes || oldest === item) break;
        forget(oldest);
      }
    },

    [Symbol.dispose]() {
      for (const item of kept.keys()) forget(item);
    },
  };
}
