import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, closeSync, openSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const SCRIPT = path.resolve(import.meta.dirname, "../fixtures/start-server.ts");
const RETRY_MS = 250;
const START_TRIES = 40;

export interface FleetOptions {
  readonly size: number;
  /** The folder of the project that is served. */
  readonly project: string;
  readonly databaseUrl: string;
  readonly variables: Readonly<Record<string, string>>;
  /** A folder for what the processes log, one file each. */
  readonly logs: string;
}

/** Several servers on one database, each in a process of its own, that can be ill-treated. */
export interface Fleet extends AsyncDisposable {
  /** Where servers are said to be. As with a balancer that has not noticed, some may not answer. */
  urls(): readonly string[];
  /** Places whose server runs and is not stopped. */
  healthy(): readonly number[];
  /** Kills a server (-9), and starts another one in its place. */
  kill(place: number): void;
  /** Stops a server where it is (SIGSTOP), and lets it go on (SIGCONT) after a while. */
  pause(place: number, ms: number): void;
  /** Resolves when every server is back. @throws when one ended that nobody killed, or does not start */
  recovered(): Promise<void>;
}

interface Place {
  state: "starting" | "up" | "paused";
  url: string | null;
  child: ChildProcess | null;
}

export async function startFleet(options: FleetOptions): Promise<Fleet> {
  const places = Array.from(
    { length: options.size },
    (): Place => ({ state: "starting", url: null, child: null }),
  );
  const pending = new Set<Promise<void>>();
  const failures: Error[] = [];
  let closing = false;

  const later = (work: Promise<void>) => {
    const done = work.catch((error: Error) => void failures.push(error)).finally(() => pending.delete(done));
    pending.add(done);
  };

  const start = async (place: Place, name: string): Promise<void> => {
    for (let tries = 1; !closing; tries++) {
      const { child, ready } = spawnServer(options, name);
      place.child = child;
      const url = await ready;
      if (url !== null) {
        Object.assign(place, { state: "up", url });
        child.once("exit", (code, signal) => {
          if (closing || place.child !== child) return;
          failures.push(new Error(`server ${name} ended by itself with ${signal ?? `code ${code}`}`));
        });
        return;
      }
      // Postgres may be away just now.
      if (tries === START_TRIES) throw new Error(`server ${name} does not start`);
      await sleep(RETRY_MS);
    }
  };

  const nameOf = (place: Place) => `${places.indexOf(place)}`;
  await Promise.all(places.map((place) => start(place, nameOf(place))));

  const restart = async (place: Place) => {
    const { child } = place;
    Object.assign(place, { state: "starting", child: null });
    await end(child);
    await start(place, nameOf(place));
  };

  const resume = async (place: Place, ms: number) => {
    const { child } = place;
    child?.kill("SIGSTOP");
    place.state = "paused";
    await sleep(ms);
    child?.kill("SIGCONT");
    if (place.child === child) place.state = "up";
  };

  return {
    urls: () => places.flatMap(({ url }) => url ?? []),
    healthy: () => [...places.keys()].filter((place) => places[place]?.state === "up"),
    kill: (place) => later(restart(places[place] as Place)),
    pause: (place, ms) => later(resume(places[place] as Place, ms)),
    async recovered() {
      await Promise.all(pending);
      if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join("\n"));
    },
    async [Symbol.asyncDispose]() {
      closing = true;
      await Promise.all(places.map(({ child }) => end(child)));
      await Promise.all(pending);
      await Promise.all(places.map(({ child }) => end(child)));
    },
  };
}

/** @returns the process, and where it listens; null when it ends before it does */
function spawnServer({ project, databaseUrl, variables, logs }: FleetOptions, name: string) {
  const { LANGCHAIN_CALLBACKS_BACKGROUND: _, ...environment } = process.env;
  const logFile = path.join(logs, `server-${name}.log`);
  const errors = openSync(logFile, "a");
  const child = spawn(process.execPath, [SCRIPT, project, databaseUrl], {
    env: { ...environment, ...variables },
    stdio: ["pipe", "pipe", errors],
  });
  closeSync(errors);
  const ready = Promise.withResolvers<string | null>();
  child.once("exit", () => ready.resolve(null));
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    if (line.startsWith("http")) ready.resolve(line);
    else appendFileSync(logFile, `${line}\n`);
  });
  return { child, ready: ready.promise };
}

async function end(child: ChildProcess | null): Promise<void> {
  if (child === null || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGKILL");
  await exited;
}
