import type { BenchClient } from "../harness/client.ts";
import { toCosts, withCost } from "../harness/costs.ts";
import type { Figure } from "../harness/figure.ts";
import { inRounds, pick, repeatFor } from "../harness/rounds.ts";
import { SHORT_INPUT } from "../harness/workload.ts";

export const statelessRuns: Figure = {
  id: "stateless-64",
  summary: "stateless runs a second, one node, 64 at once",
  async measure(bench) {
    const ours = await bench.startOurs();
    const peer = await bench.startPeer();
    const load = { atOnce: 64, seconds: bench.seconds };
    const rounds = await inRounds(bench.rounds, {
      ours: () => withCost(bench, ours, () => repeatFor(load, () => runStateless(ours.client))),
      peer: () => withCost(bench, peer, () => repeatFor(load, () => runStateless(peer.client))),
    });
    return [
      {
        name: "stateless runs, one node, 64 at once",
        unit: "runs/s",
        samples: pick(rounds, ({ perSecond }) => perSecond),
        target: { over: "peer", bound: "at least", limit: 12 },
      },
      ...toCosts("stateless runs, one node, 64 at once", "ms/run", rounds),
    ];
  },
};

async function runStateless(client: BenchClient): Promise<number> {
  const result = await client.post<object>("/runs/wait", { assistant_id: "one-node", input: SHORT_INPUT });
  if ("__error__" in result) throw new Error(`a run failed: ${JSON.stringify(result)}`);
  return 1;
}
