import { setTimeout as sleep } from "node:timers/promises";
import { expect, describe as group, onTestFinished, test } from "vitest";
import { openDocker } from "../../../../src/docker/engine.ts";
import { type FollowRequest, followLogs } from "../../../../src/docker/logs/follow-logs.ts";
import type { LogEvent } from "../../../../src/docker/logs/log-event.ts";
import { dockerEnvironment, fakeDaemon } from "../../../support/fake-daemon.ts";
import { fakeLogEngine } from "../../../support/fake-log-engine.ts";

// Windows has no sockets with a path.
const describe = group.skipIf(process.platform === "win32");

interface Options extends Partial<Pick<FollowRequest, "exitOnStop" | "isFiltered">> {
  readonly tail?: number;
  readonly services?: readonly string[];
  readonly keep?: (text: string) => boolean;
}

/** Follows a fake engine; what was told is a short word each. */
async function startFollowing(engine: ReturnType<typeof fakeLogEngine>, options: Options = {}) {
  const daemon = await fakeDaemon(engine.answer);
  const { docker } = await openDocker({ environment: await dockerEnvironment({ host: daemon.url }) });
  const stop = new AbortController();
  const told: string[] = [];
  const { tail = "all", services = [], keep = () => true, ...others } = options;
  const request = {
    ...{ docker, isFiltered: false, merge: true, previous: false, exitOnStop: false, ...others },
    selection: { project: engine.project, services, index: null },
    query: { stdout: true, stderr: true, since: null, until: null, tail },
    signal: stop.signal,
  } as const;
  const sink = {
    keep: (_: unknown, { text }: { text: string }) => keep(text),
    tell: async (event: LogEvent) => void told.push(toWord(event)),
  };
  const ended = followLogs(request, sink);
  ended.catch(() => undefined);
  onTestFinished(async () => {
    stop.abort();
    await ended.catch(() => undefined);
  });
  const until = async (condition: () => boolean) => {
    while (!condition()) await sleep(5);
  };
  return { daemon, told, ended, stop, until, has: (word: string) => until(() => told.includes(word)) };
}

function toWord(event: LogEvent): string {
  if (event.kind === "line") return `${event.source} ${event.container.service} ${event.line.text}`;
  if (event.kind === "exited") return `exited ${event.container.service} ${event.exitCode}`;
  return "container" in event ? `${event.kind} ${event.container.service}` : event.kind;
}

describe("following logs", () => {
  test("tells what was there, in order of time, and then what comes", async () => {
    const engine = fakeLogEngine();
    for (const service of ["api", "worker"]) {
      engine.create(service);
      engine.start(service);
    }
    engine.write("worker", "1");
    engine.write("api", "2");
    engine.write("worker", "3", "stderr");
    const { told, has, until } = await startFollowing(engine);
    await until(() => engine.isRead("api") && engine.isRead("worker"));
    engine.write("api", "4");
    await has("live api 4");
    expect(told).toEqual(["history worker 1", "history api 2", "history worker 3", "live api 4"]);
  });

  test("goes on after a restart, with each line once", async () => {
    const engine = fakeLogEngine();
    engine.create("api");
    engine.start("api");
    engine.write("api", "before");
    const { told, has, until } = await startFollowing(engine);
    for (let round = 1; round <= 3; round += 1) {
      await until(() => engine.isRead("api"));
      engine.write("api", `last ${round}`);
      engine.stop("api", 143);
      engine.start("api");
      engine.write("api", `first ${round}`);
      await has(`live api first ${round}`);
    }
    expect(told.slice(0, 6)).toEqual([
      "history api before",
      "live api last 1",
      "exited api 143",
      "started api",
      "live api first 1",
      "live api last 2",
    ]);
    expect(told.filter((word) => word.startsWith("live"))).toHaveLength(6);
  });

  test("tells the start of a container neither twice nor late, when it starts while it is looked for", async () => {
    const engine = fakeLogEngine(() => engine.start("api"));
    engine.create("api");
    const { told, has, until } = await startFollowing(engine);
    await until(() => engine.isRead("api"));
    engine.write("api", "hello");
    engine.stop("api", 0);
    await has("exited api 0");
    expect(told).toEqual(["live api hello", "exited api 0"]);
  });

  test("goes on when the connection of one log breaks within a line", async () => {
    const engine = fakeLogEngine();
    engine.create("api");
    engine.start("api");
    const { told, has, until } = await startFollowing(engine);
    await until(() => engine.isRead("api"));
    engine.write("api", "1");
    await has("live api 1");
    engine.breakReading("api");
    engine.write("api", "2");
    await has("live api 2");
    expect(told).toEqual(["live api 1", "live api 2"]);
  });

  test("waits for an engine that has gone away, and tells what was written meanwhile", async () => {
    const engine = fakeLogEngine();
    for (const service of ["api", "worker"]) {
      engine.create(service);
      engine.start(service);
    }
    const { daemon, told, has, until } = await startFollowing(engine);
    await until(() => engine.isRead("api") && engine.isRead("worker"));
    engine.write("api", "1");
    await has("live api 1");

    daemon.server.close();
    daemon.server.closeAllConnections();
    await has("disconnected");
    engine.write("api", "2");
    engine.write("worker", "died");
    engine.stop("worker", 7);
    engine.create("late");
    engine.start("late");
    engine.write("late", "hello");
    await fakeDaemon(engine.answer, { socket: daemon.socket });

    await until(() => told.length >= 7);
    expect(told.slice(0, 3)).toEqual(["live api 1", "disconnected", "reconnected"]);
    expect(told.slice(3).sort()).toEqual([
      "exited worker 7",
      "live api 2",
      "live late hello",
      "live worker died",
    ]);
  });

  test("waits for containers that are not there yet", async () => {
    const engine = fakeLogEngine();
    const { told, has } = await startFollowing(engine, { services: ["api"] });
    await has("waiting");
    engine.create("api");
    engine.create("other");
    engine.start("other");
    engine.write("other", "not wanted");
    engine.start("api");
    engine.write("api", "hello");
    await has("live api hello");
    expect(told).toEqual(["waiting", "started api", "live api hello"]);
  });

  test("counts the last lines among those that are wanted", async () => {
    const engine = fakeLogEngine();
    engine.create("api");
    engine.start("api");
    for (let index = 0; index < 20; index += 1) engine.write("api", String(index));
    const keep = (text: string) => Number(text) % 5 === 0;
    const { told, has, until } = await startFollowing(engine, { tail: 2, isFiltered: true, keep });
    await until(() => engine.isRead("api"));
    engine.write("api", "21");
    engine.write("api", "25");
    await has("live api 25");
    expect(told).toEqual(["history api 10", "history api 15", "live api 25"]);
  });

  test("with no lines of the past begins now, by the clock of the engine", async () => {
    const engine = fakeLogEngine();
    engine.create("api");
    engine.start("api");
    engine.write("api", "old");
    const { told, has, until } = await startFollowing(engine, { tail: 0 });
    await until(() => engine.isRead("api"));
    for (let index = 0; index < 100; index += 1) engine.write("api", `filler ${index}`);
    await has("live api filler 99");
    expect(told).not.toContain("live api old");
  });

  test("ends with the last container, where that was asked for", async () => {
    const engine = fakeLogEngine();
    for (const service of ["api", "worker"]) {
      engine.create(service);
      engine.start(service);
    }
    const { told, ended, until, has } = await startFollowing(engine, { exitOnStop: true });
    await until(() => engine.isRead("api") && engine.isRead("worker"));
    engine.stop("api", 0);
    await has("exited api 0");
    engine.write("worker", "still here");
    engine.stop("worker", 1);
    await ended;
    expect(told).toEqual(["exited api 0", "live worker still here", "exited worker 1"]);
  });

  test("says of which container the log cannot be read, and tells the others", async () => {
    const engine = fakeLogEngine();
    engine.create("api", { unreadable: "configured logging driver does not support reading" });
    engine.create("worker");
    engine.write("worker", "hello");
    const { told, has } = await startFollowing(engine);
    await has("history worker hello");
    expect(told).toEqual(["unreadable api", "history worker hello"]);
  });
});
