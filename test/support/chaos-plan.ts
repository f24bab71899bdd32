import { randomUUID } from "node:crypto";

/** Numbers in [0, 1) that only depend on the seed. */
export function createRandom(seed: number): () => number {
  // mulberry32
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export interface PlannedRun {
  readonly run_id: string;
  /** What the run is created with. */
  readonly begin: object;
  readonly status: "success" | "interrupted";
  /** The steps that it has to do: those of one superstep together. */
  readonly supersteps: readonly (readonly string[])[];
}

/** A thread and its runs. */
export interface Job {
  readonly shape: string;
  readonly graph: string;
  readonly thread_id: string;
  readonly runs: readonly PlannedRun[];
  /** Whether a run is created before the one before it has ended. */
  readonly isQueued: boolean;
  /** What the thread holds in the end. */
  readonly items: readonly string[];
  readonly durability: "sync" | "async" | "exit";
  readonly startMs: number;
}

type Planned = Pick<Job, "graph" | "items"> & {
  readonly isQueued?: boolean;
  readonly runs: readonly (Pick<PlannedRun, "supersteps"> & Partial<PlannedRun>)[];
};

const inLine = (...steps: string[]) => steps.map((step) => [step]);

const SHAPES: Readonly<Record<string, Planned>> = {
  line: {
    graph: "line",
    runs: [{ supersteps: inLine("a", "b", "c", "d") }],
    items: ["a", "b", "c", "d"],
  },
  loop: {
    graph: "loop",
    runs: [{ supersteps: inLine("turn 1", "turn 2", "turn 3", "turn 4") }],
    items: ["turn 1", "turn 2", "turn 3", "turn 4"],
  },
  subgraph: {
    graph: "nested",
    runs: [{ supersteps: inLine("outer", "inner 1", "inner 2", "last") }],
    items: ["outer", "inner 1", "inner 2", "last"],
  },
  parallel: {
    graph: "parallel",
    runs: [{ supersteps: [["fork"], ["left", "middle", "right"], ["join"]] }],
    items: ["fork", "left", "middle", "right", "join"],
  },
  streaming: { graph: "streaming", runs: [{ supersteps: inLine("a", "b") }], items: ["a", "b"] },
  deaf: { graph: "deaf", runs: [{ supersteps: inLine("a", "b", "c") }], items: ["a", "b", "c"] },
  question: {
    graph: "asking",
    runs: [
      { supersteps: inLine("before"), status: "interrupted" },
      { supersteps: inLine("ask", "after"), begin: { command: { resume: "left" } } },
    ],
    items: ["before", "left", "after"],
  },
  queue: {
    graph: "line",
    isQueued: true,
    runs: [{ supersteps: inLine("a", "b", "c", "d") }, { supersteps: inLine("a", "b", "c", "d") }],
    items: ["a", "b", "c", "d", "a", "b", "c", "d"],
  },
};

const DURABILITIES = ["sync", "async", "sync", "async", "exit"] as const;

/** Jobs with at least so many runs together, of all shapes alike, that begin all over a time. */
export function planJobs(random: () => number, { runs, ms }: { runs: number; ms: number }): Job[] {
  const jobs: Job[] = [];
  for (let planned = 0; planned < runs; ) {
    const [shape, { runs: ofShape, graph, items, isQueued = false }] = pick(random, Object.entries(SHAPES));
    const durability = pick(random, DURABILITIES);
    const input = { ms: Math.round(50 + random() * 450) };
    jobs.push({
      shape,
      graph,
      items,
      isQueued,
      durability,
      thread_id: randomUUID(),
      startMs: (planned / runs) * ms,
      runs: ofShape.map((run) => ({ run_id: randomUUID(), begin: { input }, status: "success", ...run })),
    });
    planned += ofShape.length;
  }
  return jobs;
}

export type Restart = "restart_postgres" | "restart_redis";

export interface Blow {
  readonly atMs: number;
  readonly kind: "kill" | "pause" | Restart;
  /** Which of the servers that could be hit, from 0 to 1. */
  readonly target: number;
  readonly pauseMs: number;
}

/** A blow each second, and restarts somewhere in the middle. */
export function planBlows(
  random: () => number,
  { ms, restarts }: { ms: number; restarts: readonly Restart[] },
): Blow[] {
  const blows = Array.from(
    { length: Math.floor(ms / 1000) },
    (_, second): Blow => ({
      atMs: (second + 1) * 1000,
      kind: random() < 0.5 ? "kill" : "pause",
      target: random(),
      // Some too short to be noticed, some so long that others have finished the runs meanwhile.
      pauseMs: 300 + random() ** 2 * 7700,
    }),
  );
  const planned = restarts.map(
    (kind): Blow => ({ atMs: ms * (0.3 + random() * 0.4), kind, target: 0, pauseMs: 0 }),
  );
  return [...blows, ...planned].toSorted((one, other) => one.atMs - other.atMs);
}

const pick = <T>(random: () => number, choices: readonly T[]): T =>
  choices[Math.floor(random() * choices.length)] as T;
