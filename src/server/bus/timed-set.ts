/** Ids that stay for a time after they were last added. */
export interface TimedSet {
  /** @returns whether it was not there */
  add(id: string): boolean;
  has(id: string): boolean;
  /** Those that are there, the longest unheard of first. */
  all(): readonly string[];
}

export function createTimedSet(keptMs: number): TimedSet {
  /** By id, when it goes; in this order, too. */
  const ids = new Map<string, number>();

  const sweep = () => {
    for (const [id, goesMs] of ids) {
      if (goesMs > performance.now()) break;
      ids.delete(id);
    }
  };

  return {
    add(id) {
      sweep();
      const isNew = !ids.delete(id);
      ids.set(id, performance.now() + keptMs);
      return isNew;
    },
    has(id) {
      const goesMs = ids.get(id);
      return goesMs !== undefined && goesMs > performance.now();
    },
    all() {
      sweep();
      return [...ids.keys()];
    },
  };
}
