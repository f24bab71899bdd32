import { setTimeout as sleep } from "node:timers/promises";
import type { Figure } from "../harness/figure.ts";
import { forEachOf } from "../harness/rounds.ts";
import type { BenchServer } from "../harness/server.ts";
import { createThread, streamOnThread, streamWholeChat, TOKENS_PER_CHAT } from "../harness/workload.ts";

/** 100 tokens of 50 ms each. */
const LEAST_SECONDS = 5;
const JOBS = { N_JOBS_PER_WORKER: "300" };
const STREAMS = 256;
const RUNS = 1000;
const MOST_ROUNDS = 3;
const LOOK_EVERY_MS = 500;
const PREPARED_AT_ONCE = 16;

export const slowStreams: Figure = {
  id: "slow-streams-256",
  summary: "256 streams of 50 ms a token at once on one instance",
  async measure(bench) {
    const server = await bench.startOurs({ variables: JOBS });
    const samples: { ratio: number; memory: number }[] = [];
    for (let round = 0; round <= Math.min(bench.rounds, MOST_ROUNDS); round += 1) {
      const threads = await forEachOf(STREAMS, PREPARED_AT_ONCE, () => createThread(server.client));
      await using memory = watchMemory([server]);
      const startedMs = performance.now();
      await Promise.all(threads.map((id) => streamWholeChat(server.client, id, "paced-chat")));
      const seconds = (performance.now() - startedMs) / 1000;
      // The first round warms up.
      if (round > 0) samples.push({ ratio: seconds / LEAST_SECONDS, memory: memory.highest() });
    }
    return [
      {
        name: "256 streams of 50 ms a token, time ÷ the 5 s it must take",
        unit: "ratio",
        samples: { ours: samples.map(({ ratio }) => ratio) },
        target: { over: null, bound: "at most", limit: 1.3 },
      },
      {
        name: "256 streams of 50 ms a token, highest memory",
        unit: "MB",
        samples: { ours: samples.map(({ memory }) => memory) },
        target: null,
      },
    ];
  },
};

export const twoInstances: Figure = {
  id: "two-instances-1000",
  summary: "1,000 streams of 50 ms a token at once on two instances",
  async measure(bench) {
    const databaseUrl = await bench.postgres.createDatabase();
    const servers = [
      await bench.startOurs({ databaseUrl, variables: JOBS }),
      await bench.startOurs({ databaseUrl, variables: JOBS }),
    ] as const;
    const serverOf = (index: number) => servers[index % 2 === 0 ? 0 : 1].client;
    const threads = await forEachOf(RUNS, PREPARED_AT_ONCE, () => createThread(servers[0].client));
    await using memory = watchMemory(servers);
    const startedMs = performance.now();
    const streams = await Promise.all(
      threads.map((id, index) => streamOnThread(serverOf(index), id, "paced-chat")),
    );
    const seconds = (performance.now() - startedMs) / 1000;
    const succeeded = await forEachOf(RUNS, PREPARED_AT_ONCE, (index) =>
      countSucceeded(serverOf(index), threads[index] ?? ""),
    );
    bench.tell(streams.find(({ error }) => error !== null)?.error ?? "no stream ended with an error");
    const told = (name: string, unit: string, value: number) => ({
      name: `1,000 such streams on two instances, ${name}`,
      unit,
      samples: { ours: [value] },
      target: null,
    });
    return [
      {
        ...told(
          "runs that succeeded",
          "runs",
          succeeded.reduce((sum, count) => sum + count, 0),
        ),
        target: { over: null, bound: "at least", limit: RUNS },
      },
      {
        ...told("highest memory of one", "MB", memory.highest()),
        target: { over: null, bound: "at most", limit: 600 },
      },
      told(
        "streams that ended with an error",
        "streams",
        streams.filter(({ error }) => error !== null).length,
      ),
      told("time", "s", seconds),
      told(
        "streams with every token",
        "streams",
        streams.filter(({ tokens }) => tokens >= TOKENS_PER_CHAT).length,
      ),
    ];
  },
};

async function countSucceeded(client: BenchServer["client"], threadId: string): Promise<number> {
  const runs = (await client.get(`/threads/${threadId}/runs`)) as readonly { readonly status: string }[];
  return runs.filter(({ status }) => status === "success").length;
}

/** Looks at the memory of some servers until it is disposed of. */
function watchMemory(servers: readonly BenchServer[]) {
  const stop = new AbortController();
  let highest = 0;
  const watch = async () => {
    while (!stop.signal.aborted) {
      const used = await Promise.all(servers.map((server) => server.memoryMegabytes()));
      highest = Math.max(highest, ...used);
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = watch();
  return {
    /** Megabytes of the server that had most. */
    highest: () => highest,
    async [Symbol.asyncDispose]() {
      stop.abort();
      await watching;
    },
  };
}
