import { toCosts, withCost } from "../harness/costs.ts";
import type { Figure } from "../harness/figure.ts";
import type { FloorTask } from "../harness/floor-process.ts";
import { inRounds, type LoadResult, pick, repeatFor } from "../harness/rounds.ts";
import type { Measurement, Target } from "../harness/samples.ts";
import { inputOf, runOnNewThread } from "../harness/workload.ts";

interface Runs {
  readonly graph: FloorTask["graph"];
  readonly atOnce: number;
  readonly name: string;
  readonly unit: string;
  readonly number: (result: LoadResult) => number;
  readonly target: Target | null;
}

/** Runs on new threads, waited for; both requests count, that which makes the thread too. */
const durableRuns = (id: string, summary: string, runs: Runs): Figure => ({
  id,
  summary,
  async measure(bench): Promise<readonly Measurement[]> {
    const { graph, atOnce, name, unit, number, target } = runs;
    const ours = await bench.startOurs();
    const peer = await bench.startPeer();
    const floor = await bench.startFloor();
    const load = { atOnce, seconds: bench.seconds };
    const rounds = await inRounds(bench.rounds, {
      ours: () => withCost(bench, ours, () => repeatFor(load, () => runOnNewThread(ours.client, graph))),
      peer: () => withCost(bench, peer, () => repeatFor(load, () => runOnNewThread(peer.client, graph))),
      floor: () =>
        withCost(bench, floor, () =>
          floor.measure({ ...load, graph, input: inputOf(graph), streamed: false }),
        ),
    });
    return [{ name, unit, samples: pick(rounds, number), target }, ...toCosts(name, "ms/run", rounds)];
  },
});

export const waitSixteen = durableRuns("wait-16", "durable runs a second, one node, 16 at once", {
  graph: "one-node",
  atOnce: 16,
  name: "durable runs, one node, 16 at once",
  unit: "runs/s",
  number: ({ perSecond }) => perSecond,
  target: { over: "floor", bound: "at least", limit: 1.2 },
});

export const waitOne = durableRuns("wait-1", "how long a durable run takes, one node, one at a time", {
  graph: "one-node",
  atOnce: 1,
  name: "durable run, one node, one at a time, p50",
  unit: "ms",
  number: ({ medianMs }) => medianMs,
  target: { over: "floor", bound: "at most", limit: 1 },
});

export const waitFiveNodes = durableRuns("wait-five-nodes", "durable runs a second, five nodes, 16 at once", {
  graph: "five-nodes",
  atOnce: 16,
  name: "durable runs, five nodes, 16 at once",
  unit: "runs/s",
  number: ({ perSecond }) => perSecond,
  target: null,
});
