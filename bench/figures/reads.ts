import type { BenchClient } from "../harness/client.ts";
import type { Bench, Figure } from "../harness/figure.ts";
import { forEachOf, inRounds, pick, repeatFor } from "../harness/rounds.ts";
import type { Measurement } from "../harness/samples.ts";
import { createThread, runOnThread } from "../harness/workload.ts";

interface Read {
  readonly name: string;
  /** How much of the peer's rate ours must have. */
  readonly atLeast: number;
  request(client: BenchClient, threadId: string): Promise<unknown>;
}

const THREADS = 10_000;
const TURNS = 5;
const AT_ONCE = 16;

const READS: readonly Read[] = [
  { name: "GET thread", atLeast: 0.8, request: (client, id) => client.get(`/threads/${id}`) },
  {
    name: "GET state, 10 messages",
    atLeast: 0.6,
    request: (client, id) => client.get(`/threads/${id}/state`),
  },
  {
    name: "GET history, 10 states",
    atLeast: 1,
    request: (client, id) => client.get(`/threads/${id}/history?limit=10`),
  },
  {
    name: "search, 10 of 10,000 threads",
    atLeast: 7,
    request: (client) => client.post("/threads/search", { limit: 10 }),
  },
];

export const reads: Figure = {
  id: "reads-16",
  summary: "requests a second that read, 16 at once, over 10,000 threads",
  async measure(bench) {
    const { client: ours } = await bench.startOurs();
    const { client: peer } = await bench.startPeer();
    const prepared = { ours: await prepare(ours), peer: await prepare(peer) };
    const measured: Measurement[] = [];
    for (const read of READS) measured.push(await measureRead(bench, read, { ours, peer }, prepared));
    return measured;
  },
};

/** @returns a thread with a conversation, among many that are empty */
async function prepare(client: BenchClient): Promise<string> {
  await forEachOf(THREADS - 1, AT_ONCE, () => createThread(client));
  const threadId = await createThread(client);
  for (let turn = 0; turn < TURNS; turn += 1) await runOnThread(client, threadId, "chat");
  return threadId;
}

async function measureRead(
  { rounds, seconds }: Bench,
  { name, atLeast, request }: Read,
  clients: Record<"ours" | "peer", BenchClient>,
  threads: Record<"ours" | "peer", string>,
): Promise<Measurement> {
  const take = (side: "ours" | "peer") => () =>
    repeatFor({ atOnce: AT_ONCE, seconds }, async () => {
      await request(clients[side], threads[side]);
      return 1;
    });
  const taken = await inRounds(rounds, { ours: take("ours"), peer: take("peer") });
  return {
    name: `${name}, 16 at once`,
    unit: "requests/s",
    samples: pick(taken, ({ perSecond }) => perSecond),
    target: { over: "peer", bound: "at least", limit: atLeast },
  };
}
