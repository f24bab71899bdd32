export interface GraphLimits {
  take(graphId: string): void;
  release(graphId: string): void;
  /** What may be claimed with one statement, whatever graphs the runs in the queue are for. */
  next(): NextClaim;
}

interface NextClaim {
  /** Those that have as many runs as they may have. */
  readonly exceptGraphs: readonly string[];
  /** As many as the graph may have that is closest to its limit; it could get all of them. */
  readonly mostAtOnce: number;
}

/** Counts the runs of graphs that may have only so many at a time. @param limits by the id of the graph */
export function createGraphLimits(limits: ReadonlyMap<string, number>): GraphLimits {
  const free = new Map(limits);
  const add = (graphId: string, count: number) => {
    const before = free.get(graphId);
    if (before !== undefined) free.set(graphId, before + count);
  };
  return {
    take: (graphId) => add(graphId, -1),
    release: (graphId) => add(graphId, 1),
    next() {
      const places = [...free];
      return {
        exceptGraphs: places.filter(([, count]) => count <= 0).map(([graphId]) => graphId),
        mostAtOnce: Math.min(...places.map(([, count]) => count).filter((count) => count > 0), Infinity),
      };
    },
  };
}
