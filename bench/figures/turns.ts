import { setTimeout as sleep } from "node:timers/promises";
import type { BenchClient } from "../harness/client.ts";
import type { Bench, Figure } from "../harness/figure.ts";
import { type Measurement, quantile } from "../harness/samples.ts";
import { createThread, runOnThread } from "../harness/workload.ts";

const BLOCK = 10;
const TURNS = 100;
/** After which an idle connection has told Postgres which rows it wrote. */
const ROWS_KNOWN_MS = 11_000;
/** After which what follows the answer of a run is written too. */
const STATEMENTS_KNOWN_MS = 30;

interface Block {
  /** The median over the turns. */
  readonly statements: number;
  /** The mean over the turns. */
  readonly rows: number;
}

export const turns: Figure = {
  id: "turns-100",
  summary: "statements and rows that a turn of a conversation writes, from the first to the hundredth",
  async measure(bench) {
    const databaseUrl = await bench.postgres.createDatabase();
    const migrating = await bench.startOurs({ databaseUrl });
    await migrating[Symbol.asyncDispose]();
    await bench.postgres.startCounting(databaseUrl);
    const { client } = await bench.startOurs({ databaseUrl });

    const threadId = await createThread(client);
    const turn = () => runOnThread(client, threadId, "chat");
    await turn();
    const early = await measureBlock(bench, databaseUrl, turn);
    for (let done = 1 + BLOCK; done < TURNS - BLOCK; done += 1) await turn();
    const late = await measureBlock(bench, databaseUrl, turn);
    await requireTurns(client, threadId, TURNS);
    return toMeasurements(early, late);
  },
};

async function measureBlock(
  { postgres }: Bench,
  databaseUrl: string,
  turn: () => Promise<void>,
): Promise<Block> {
  await sleep(ROWS_KNOWN_MS);
  const rowsBefore = await postgres.countRowsWritten(databaseUrl);
  const statements: number[] = [];
  for (let done = 0; done < BLOCK; done += 1) {
    const before = await postgres.countStatements(databaseUrl);
    await turn();
    await sleep(STATEMENTS_KNOWN_MS);
    statements.push((await postgres.countStatements(databaseUrl)) - before);
  }
  await sleep(ROWS_KNOWN_MS);
  const rows = ((await postgres.countRowsWritten(databaseUrl)) - rowsBefore) / BLOCK;
  return { statements: quantile(statements, 0.5), rows };
}

/** So that a turn which did nothing is not taken for a cheap one. */
async function requireTurns(client: BenchClient, threadId: string, count: number): Promise<void> {
  const state = (await client.get(`/threads/${threadId}/state`)) as { values: { messages: unknown[] } };
  const { length } = state.values.messages;
  if (length !== 2 * count) throw new Error(`${count} turns left ${length} messages`);
}

function toMeasurements(early: Block, late: Block): readonly Measurement[] {
  const told = (name: string, value: number): Measurement => ({
    name: `a turn of a conversation, ${name}`,
    unit: "a turn",
    samples: { ours: [value] },
    target: null,
  });
  const growth = (name: string, of: keyof Block): Measurement => ({
    name: `a turn of a conversation, ${name} at turn 100 ÷ at turn 10`,
    unit: "ratio",
    samples: { ours: [late[of] / early[of]] },
    // Rows of a block are counted all together, with what the server writes by itself.
    target: { over: null, bound: "at most", limit: 1.05 },
  });
  return [
    told("statements at turn 10", early.statements),
    growth("statements", "statements"),
    told("rows written at turn 10", early.rows),
    growth("rows written", "rows"),
  ];
}
