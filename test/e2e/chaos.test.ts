import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { upgradeDatabase } from "../../src/server/upgrade-database.ts";
import {
  checkCompleteStream,
  checkEffects,
  checkRow,
  checkStream,
  checkThread,
  type Effect,
  type RunRow,
} from "../support/chaos-checks.ts";
import {
  type Blow,
  createRandom,
  type Job,
  planBlows,
  planJobs,
  type Restart,
} from "../support/chaos-plan.ts";
import { startTestPostgres, type TestPostgres } from "../support/embedded-postgres.ts";
import { type Fleet, startFleet } from "../support/fleet.ts";
import { createFleetClient, type FleetClient, type StreamSeen } from "../support/fleet-client.ts";
import { startTestRedis, type TestRedis } from "../support/redis-server.ts";

const numberOf = (name: string, byDefault: number): number => Number(process.env[name] || byDefault);
const SEED = numberOf("CHAOS_SEED", Date.now() % 1_000_000);
/** Where servers find each other's events, and how much is done by default. */
const KINDS = [
  { events: "Postgres", runs: 100, seconds: 15 },
  { events: "Redis", runs: 60, seconds: 10 },
] as const;
/** How long it may take from the last blow until everything is done. */
const SETTLE_MS = 60_000;
const MAX_SECONDS = Math.max(...KINDS.map(({ seconds }) => numberOf("CHAOS_SECONDS", seconds)));
const TIMEOUT_MS = MAX_SECONDS * 1000 + SETTLE_MS + 60_000;

const PROJECT = path.resolve(import.meta.dirname, "../fixtures/graphs/chaos");

const TABLES = `
  create table chaos_effects (
    effect_id uuid primary key, run_id uuid not null, attempt integer not null, step text not null,
    pid integer not null, at timestamptz not null default clock_timestamp());
  create table chaos_ends (
    n bigint generated always as identity, run_id uuid not null, status text not null);
  create function note_end() returns trigger language plpgsql as $$
    begin
      insert into chaos_ends (run_id, status) values (new.run_id, new.status);
      return null;
    end $$;
  create trigger note_end after update on runs for each row
    when (new.status is distinct from old.status
          and (new.status not in ('pending', 'running') or old.status not in ('pending', 'running')))
    execute function note_end();`;

const chaos = async ({ events, ...byDefault }: (typeof KINDS)[number]) => {
  const random = createRandom(SEED);
  const ms = numberOf("CHAOS_SECONDS", byDefault.seconds) * 1000;
  const jobs = planJobs(random, { runs: numberOf("CHAOS_RUNS", byDefault.runs), ms });
  const restarts: Restart[] =
    events === "Redis" ? ["restart_postgres", "restart_redis"] : ["restart_postgres"];
  const blows = planBlows(random, { ms, restarts });

  await using postgres = await startTestPostgres();
  await using redis = events === "Redis" ? await startTestRedis() : null;
  await upgradeDatabase(postgres.url);
  await query(postgres.url, TABLES);
  const logs = await logFolder();
  await using fleet = await startFleet({
    size: 3,
    project: PROJECT,
    databaseUrl: postgres.url,
    variables: {
      CHAOS_DATABASE_URL: postgres.url,
      LEASE_DURATION_SECONDS: "2",
      BG_JOB_MAX_RETRIES: "100",
      N_JOBS_PER_WORKER: "8",
      LANGGRAPH_POSTGRES_POOL_MAX_SIZE: "6",
      AEGRA_SSE_HEARTBEAT_SECONDS: "0.5",
      LOG_LEVEL: "warn",
      ...(redis !== null && { REDIS_URL: redis.url }),
    },
    logs,
  });
  const client = createFleetClient(fleet, {
    pick: (count) => Math.floor(random() * count),
    silenceMs: 2000,
    deadlineMs: performance.now() + ms + SETTLE_MS,
  });

  const streams = new Map<string, StreamSeen>();
  const work = Promise.all(jobs.map((job) => doJob(client, job, streams)));
  await Promise.all([work, strike(blows, fleet, { postgres, redis })]);
  await fleet.recovered();
  await untilQuiet(postgres.url);

  const problems = await findProblems(postgres.url, client, jobs, streams);
  expect(problems).toEqual([]);
  const [{ crashes } = { crashes: 0 }] = await query<{ crashes: number }>(
    postgres.url,
    "select sum(crashes)::int as crashes from runs",
  );
  // Otherwise nothing has been shown.
  expect(crashes).toBeGreaterThan(0);
  await rm(logs, { recursive: true, force: true });
};

describe.each(KINDS)(`with CHAOS_SEED=${SEED} and events through $events`, (kind) => {
  test("whatever dies, every run ends once, with all that it did", { timeout: TIMEOUT_MS }, () =>
    chaos(kind),
  );
});

/** What the servers log is kept when the test fails, for it cannot be had again. */
async function logFolder(): Promise<string> {
  const logs = await mkdtemp(path.join(tmpdir(), "aegra-chaos-"));
  onTestFinished(({ task }) => {
    if (task.result?.state === "fail") process.stderr.write(`The logs of the servers are in ${logs}\n`);
  });
  return logs;
}

async function strike(
  blows: readonly Blow[],
  fleet: Fleet,
  { postgres, redis }: { readonly postgres: TestPostgres; readonly redis: TestRedis | null },
): Promise<void> {
  const startedMs = performance.now();
  const restarts: Promise<void>[] = [];
  for (const { atMs, kind, target, pauseMs } of blows) {
    await sleep(Math.max(0, startedMs + atMs - performance.now()));
    if (kind === "restart_postgres") {
      restarts.push(postgres.restart());
      continue;
    }
    if (kind === "restart_redis") {
      if (redis !== null) restarts.push(redis.restart());
      continue;
    }
    const healthy = fleet.healthy();
    const place = healthy[Math.floor(target * healthy.length)];
    if (place === undefined) continue;
    if (kind === "kill") fleet.kill(place);
    else fleet.pause(place, pauseMs);
  }
  await Promise.all(restarts);
}

/** Creates the runs of a job and follows them to their ends. */
async function doJob(client: FleetClient, job: Job, streams: Map<string, StreamSeen>): Promise<void> {
  await sleep(job.startMs);
  const { thread_id, durability, graph, runs, isQueued } = job;
  const followed: Promise<unknown>[] = [];
  for (const { run_id, begin } of runs) {
    const { status, body } = await client.request("POST", `/threads/${thread_id}/runs`, {
      assistant_id: graph,
      config: { run_id },
      if_not_exists: "create",
      stream_mode: ["updates", "custom"],
      durability,
      // Whoever kills a process must not lose what it has told.
      stream_resumable: true,
      ...begin,
    });
    // A conflict says that it was created by a request whose answer did not arrive.
    if (status !== 200 && status !== 409) throw new Error(`${status} ${JSON.stringify(body)}`);
    const seen = client.follow(thread_id, run_id).then((stream) => streams.set(run_id, stream));
    followed.push(seen);
    if (!isQueued) await seen;
  }
  await Promise.all(followed);
}

async function untilQuiet(databaseUrl: string): Promise<void> {
  const unfinished = "select run_id, status, attempt from runs where status in ('pending', 'running')";
  await expect.poll(() => query(databaseUrl, unfinished), { timeout: SETTLE_MS, interval: 500 }).toEqual([]);
}

async function findProblems(
  databaseUrl: string,
  client: FleetClient,
  jobs: readonly Job[],
  streams: ReadonlyMap<string, StreamSeen>,
): Promise<string[]> {
  const rows = await query<RunRow>(
    databaseUrl,
    `select run_id, status, attempt, crashes, claimed_by,
            array(select chaos_ends.status from chaos_ends where chaos_ends.run_id = runs.run_id order by n) as ends
       from runs`,
  );
  const effects = await query<Effect>(
    databaseUrl,
    "select run_id, attempt, step from chaos_effects order by at",
  );
  const problems: string[] = [];
  for (const job of jobs) {
    const { shape, durability, thread_id } = job;
    const note = (what: string, found: readonly string[]) =>
      problems.push(...found.map((problem) => `${shape}, ${durability}: ${what} ${problem}`));
    note(`thread ${thread_id}`, await checkThread(client, job));
    for (const run of job.runs) {
      const row = rows.find(({ run_id }) => run_id === run.run_id);
      const own = effects.filter(({ run_id }) => run_id === run.run_id);
      const stream = streams.get(run.run_id) ?? { frames: [], connections: 0 };
      note(`run ${run.run_id}`, [
        ...checkRow(run, row),
        ...checkEffects(run, job, row?.attempt ?? 0, own),
        ...checkStream(stream),
        ...checkCompleteStream(stream),
      ]);
    }
  }
  const planned = jobs.flatMap(({ runs }) => runs).length;
  if (rows.length !== planned) problems.push(`there are ${rows.length} runs instead of ${planned}`);
  return problems;
}

async function query<Row extends pg.QueryResultRow>(databaseUrl: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
