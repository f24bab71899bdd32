import { setTimeout as sleep } from "node:timers/promises";
import type { Bench, Figure } from "../harness/figure.ts";
import { inRounds, pick } from "../harness/rounds.ts";

const SETTLE_MS = 5_000;
const WINDOW_SECONDS = 10;
const MOST_ROUNDS = 3;

export const idle: Figure = {
  id: "idle",
  summary: "statements a second and memory of a server that has nothing to do",
  async measure(bench) {
    const databaseUrl = await bench.postgres.createDatabase();
    const ours = await bench.startOurs({ databaseUrl });
    await bench.postgres.startCounting(databaseUrl);
    // Connections that are already open keep their setting: the server that is measured is the next one.
    await ours[Symbol.asyncDispose]();
    const server = await bench.startOurs({ databaseUrl });
    const peer = await bench.startPeer();
    await sleep(SETTLE_MS);

    const perSecond: number[] = [];
    const memory = { ours: [] as number[], peer: [] as number[] };
    for (let round = 0; round < Math.min(bench.rounds, MOST_ROUNDS); round += 1) {
      const before = await bench.postgres.countStatements(databaseUrl);
      await sleep(WINDOW_SECONDS * 1000);
      perSecond.push(((await bench.postgres.countStatements(databaseUrl)) - before) / WINDOW_SECONDS);
      memory.ours.push(await server.memoryMegabytes());
      memory.peer.push(await peer.memoryMegabytes());
    }
    return [
      {
        name: "idle, statements a second",
        unit: "1/s",
        samples: { ours: perSecond },
        target: { over: null, bound: "at most", limit: 2 },
      },
      {
        name: "idle, resident memory",
        unit: "MB",
        samples: memory,
        target: { over: "peer", bound: "at most", limit: 1 },
      },
    ];
  },
};

export const start: Figure = {
  id: "start",
  summary: "from starting the server on a migrated database to its first answer",
  async measure(bench) {
    const databaseUrl = await bench.postgres.createDatabase();
    // The warm-up round migrates.
    const rounds = await inRounds(bench.rounds, {
      ours: () => startOnce(() => bench.startOurs({ databaseUrl })),
      peer: () => startOnce(bench.startPeer),
    });
    return [
      {
        name: "start to first answer",
        unit: "s",
        samples: pick(rounds, (seconds) => seconds),
        target: { over: null, bound: "at most", limit: 1.5 },
      },
    ];
  },
};

async function startOnce(startServer: Bench["startPeer"]): Promise<number> {
  await using server = await startServer();
  return server.startMs / 1000;
}
