import type { BenchClient } from "../harness/client.ts";
import { toCosts, withCost } from "../harness/costs.ts";
import type { Bench, Figure } from "../harness/figure.ts";
import { inRounds, pick, repeatFor } from "../harness/rounds.ts";
import { quantile } from "../harness/samples.ts";
import { CHAT_INPUT, createThread, streamWholeChat } from "../harness/workload.ts";

export const streamedEvents: Figure = {
  id: "stream-16",
  summary: "events a second of 100-token streams, 16 at once",
  async measure(bench) {
    const ours = await bench.startOurs();
    const peer = await bench.startPeer();
    const floor = await bench.startFloor();
    const load = { atOnce: 16, seconds: bench.seconds };
    const rounds = await inRounds(bench.rounds, {
      ours: () => withCost(bench, ours, () => repeatFor(load, () => countStreamed(ours.client))),
      peer: () => withCost(bench, peer, () => repeatFor(load, () => countStreamed(peer.client))),
      floor: () =>
        withCost(bench, floor, () =>
          floor.measure({ ...load, graph: "chat", input: CHAT_INPUT, streamed: true }),
        ),
    });
    return [
      {
        name: "100-token streams, 16 at once",
        unit: "events/s",
        samples: pick(rounds, ({ perSecond }) => perSecond),
        target: { over: "floor", bound: "at least", limit: 1 },
      },
      ...toCosts("100-token streams, 16 at once", "ms/event", rounds),
    ];
  },
};

/** Counts what LangGraph emits, since events of the protocol alone would be in our favour. */
async function countStreamed(client: BenchClient): Promise<number> {
  const { states, tokens } = await streamWholeChat(client, await createThread(client), "chat");
  return states + tokens;
}

export const firstEvent: Figure = {
  id: "first-event-64",
  summary: "time from a request to the first event of its stream, 64 at once",
  async measure(bench) {
    const { client: ours } = await bench.startOurs();
    const { client: peer } = await bench.startPeer();
    const rounds = await inRounds(bench.rounds, {
      ours: () => timeFirsts(ours, bench),
      peer: () => timeFirsts(peer, bench),
    });
    return [
      {
        name: "first event of a stream, 64 at once, p50",
        unit: "ms",
        samples: pick(rounds, ({ eventMs }) => eventMs),
        target: { over: "peer", bound: "at most", limit: 0.2 },
      },
      {
        name: "first token of a stream, 64 at once, p50",
        unit: "ms",
        samples: pick(rounds, ({ tokenMs }) => tokenMs),
        target: null,
      },
    ];
  },
};

async function timeFirsts(client: BenchClient, { seconds }: Bench) {
  const eventMs: number[] = [];
  const tokenMs: number[] = [];
  await repeatFor({ atOnce: 64, seconds }, async () => {
    const { firstEventMs, firstTokenMs } = await streamWholeChat(client, await createThread(client), "chat");
    if (firstEventMs === null || firstTokenMs === null) throw new Error("a stream had no events");
    eventMs.push(firstEventMs);
    tokenMs.push(firstTokenMs);
    return 1;
  });
  return { eventMs: quantile(eventMs, 0.5), tokenMs: quantile(tokenMs, 0.5) };
}
