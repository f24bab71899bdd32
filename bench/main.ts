// Measures our server against another one of the protocol and against LangGraph alone. See docs/performance.md.
import { mkdir, writeFile } from "node:fs/promises";
import process from "node:process";
import type { Bench, Figure } from "./harness/figure.ts";
import { startFloor } from "./harness/floor.ts";
import { type BenchPostgres, openPostgres } from "./harness/postgres.ts";
import { buildOurs, installPeer } from "./harness/prepare.ts";
import { describeCircumstances, toTable, toText } from "./harness/report.ts";
import type { Measurement } from "./harness/samples.ts";
import { startOurs, startPeer } from "./harness/server.ts";
import { HELP, readSettings, type Settings } from "./settings.ts";

const say = (line: string) => void process.stderr.write(`${line}\n`);

/** @returns whether every figure could be measured, whatever the targets say */
async function measureAll(settings: Settings, started: AsyncDisposableStack): Promise<boolean> {
  await prepare(settings);
  const postgres = started.use(await openPostgres());
  const circumstances = describeCircumstances({
    rounds: settings.rounds,
    seconds_a_sample: settings.seconds,
    postgres: postgres.description,
  });
  const measurements: Measurement[] = [];
  const failed: string[] = [];
  for (const figure of settings.figures) {
    say(`measuring ${figure.id}: ${figure.summary}`);
    try {
      const measured = await measureOne(figure, settings, postgres, started);
      measurements.push(...measured);
      say(toTable(measured));
    } catch (error) {
      // Asked to stop: whatever failed then, failed because it was stopped.
      if (started.disposed) return false;
      failed.push(figure.id);
      say(`${figure.id} could not be measured: ${error instanceof Error ? error.stack : String(error)}`);
    }
  }
  process.stdout.write(`${toText(circumstances)}\n\n${toTable(measurements)}\n`);
  if (failed.length > 0) process.stdout.write(`\nnot measured: ${failed.join(", ")}\n`);
  if (settings.jsonFile !== null) {
    await writeFile(settings.jsonFile, `${JSON.stringify({ ...circumstances, measurements }, null, 2)}\n`);
  }
  return failed.length === 0;
}

async function prepare({ build, profileFolder }: Settings): Promise<void> {
  if (build) {
    say("building the server");
    await buildOurs();
  }
  await installPeer(() => say("installing the other server into bench/peer"));
  if (profileFolder !== null) await mkdir(profileFolder, { recursive: true });
}

/** Every figure gets servers of its own, so that none is measured on what another one left behind. */
async function measureOne(
  figure: Figure,
  { rounds, seconds, profileFolder }: Settings,
  postgres: BenchPostgres,
  started: AsyncDisposableStack,
): Promise<readonly Measurement[]> {
  const own = started.use(new AsyncDisposableStack());
  const bench: Bench = {
    rounds,
    seconds,
    postgres,
    tell: say,
    startOurs: async ({ databaseUrl, variables = {} } = {}) =>
      own.use(
        await startOurs({
          databaseUrl: databaseUrl ?? (await postgres.createDatabase()),
          variables,
          profileFolder,
        }),
      ),
    startPeer: async () => own.use(await startPeer()),
    startFloor: async () => own.use(await startFloor(await postgres.createDatabase())),
  };
  try {
    return await figure.measure(bench);
  } finally {
    await own.disposeAsync();
  }
}

function readCommandLine(): Settings | null | "wrong" {
  try {
    return readSettings();
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return "wrong";
  }
}

async function main(): Promise<number> {
  const settings = readCommandLine();
  if (settings === "wrong") return 2;
  if (settings === null) {
    process.stdout.write(HELP);
    return 0;
  }
  await using started = new AsyncDisposableStack();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.once(signal, () => {
      say("stopping everything");
      void started.disposeAsync().finally(() => process.exit(130));
    });
  }
  return (await measureAll(settings, started)) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  say(error instanceof Error ? (error.stack ?? error.message) : String(error));
  process.exitCode = 1;
}
