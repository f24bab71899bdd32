import { once } from "node:events";
import net from "node:net";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Notice } from "../../../src/server/persistence/notices.ts";
import { NOTIFY, openNotifications } from "../../../src/server/persistence/notifications.ts";
import { createTestDatabase } from "../../support/database.ts";

let database: Awaited<ReturnType<typeof createTestDatabase>>;
/** A plain connection to look at the database with. */
let observer: pg.Client;

beforeAll(async () => {
  database = await createTestDatabase();
  observer = new pg.Client({ connectionString: database.url });
  await observer.connect();
});

afterAll(async () => {
  await observer.end();
  await database.drop();
});

interface Peer {
  readonly notices: Notice["kind"][];
  readonly errors: Error[];
  /** Whether it hears notices, as often as that has changed. */
  readonly hearing: boolean[];
  send(kind: Exclude<Notice["kind"], "events_written" | "events_wanted">): void;
  close(): Promise<void>;
}

/** One server's notifications, closed when the test ends. */
function openPeer(databaseUrl: string, instanceId: string): Peer {
  const notices: Notice["kind"][] = [];
  const errors: Error[] = [];
  const hearing: boolean[] = [];
  const notifications = openNotifications(databaseUrl, {
    instanceId,
    onNotice: ({ kind }) => notices.push(kind),
    onError: (error) => errors.push(error),
    notify: async (channel, payloads) => void (await observer.query(NOTIFY, [channel, payloads])),
    onHearing: (isHearing) => hearing.push(isHearing),
    onPeer: () => undefined,
  });
  const close = async () => notifications[Symbol.asyncDispose]();
  onTestFinished(close);
  return { notices, errors, hearing, close, send: (kind) => notifications.send({ kind }) };
}

/** Lets both hear of something that the other sent last, so that everything sent before has arrived too. */
async function settle(one: Peer, other: Peer): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const before = to.notices.length;
    from.send("runs_ended");
    await until(() => to.notices.slice(before).includes("runs_ended"));
    to.notices.splice(to.notices.lastIndexOf("runs_ended"), 1);
  }
}

const until = (isTrue: () => boolean | Promise<boolean>) =>
  expect.poll(isTrue, { interval: 5, timeout: 10_000 }).toBe(true);

/** Waits until notices pass in both directions: a server that is just connecting misses them. */
async function connected(one: Peer, other: Peer): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    to.notices.length = 0;
    await until(() => {
      from.send("cancel_requested");
      return to.notices.length > 0;
    });
  }
  await settle(one, other);
  for (const { notices } of [one, other]) notices.length = 0;
}

async function openPeers() {
  const peers = { ada: openPeer(database.url, "ada"), bob: openPeer(database.url, "bob") };
  await connected(peers.ada, peers.bob);
  return peers;
}

/** Connections of servers, listening or not, oldest first. */
async function backends(): Promise<number[]> {
  const { rows } = await observer.query<{ pid: number }>(
    `select pid from pg_stat_activity
      where datname = current_database() and application_name = 'aegra notify'
      order by backend_start`,
  );
  return rows.map(({ pid }) => pid);
}

describe("a notice", () => {
  test("reaches the other servers, and not the one that sent it", async () => {
    const { ada, bob } = await openPeers();
    ada.send("runs_pending");
    await settle(ada, bob);
    expect([ada.notices, bob.notices]).toEqual([[], ["runs_pending"]]);
    bob.send("cancel_requested");
    await settle(ada, bob);
    expect([ada.notices, bob.notices]).toEqual([["cancel_requested"], ["runs_pending"]]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });

  test("is one with all that are sent in the same turn, each kind once", async () => {
    const { ada, bob } = await openPeers();
    const payloads: unknown[] = [];
    observer.on("notification", ({ payload }) => {
      const notice = JSON.parse(payload ?? "");
      // They go on saying so.
      if (!notice.kinds.includes("hello") && !notice.kinds.includes("here")) payloads.push(notice);
    });
    await observer.query("listen aegra_wake");
    for (let index = 0; index < 100; index++) ada.send("runs_pending");
    ada.send("cancel_requested");
    await until(() => bob.notices.length > 0);
    await settle(ada, bob);
    await observer.query("unlisten aegra_wake");
    expect(bob.notices).toEqual(["runs_pending", "cancel_requested"]);
    expect(payloads).toEqual([
      { from: "ada", kinds: ["runs_pending", "cancel_requested"] },
      { from: "ada", kinds: ["runs_ended"] },
      { from: "bob", kinds: ["runs_ended"] },
    ]);
  });

  test("that comes while another is on its way is not lost", async () => {
    const { ada, bob } = await openPeers();
    for (let turn = 0; turn < 50; turn++) {
      ada.send("runs_pending");
      await new Promise((resolve) => setImmediate(resolve));
    }
    ada.send("cancel_requested");
    await until(() => bob.notices.includes("cancel_requested"));
    expect(bob.notices.at(-1)).toBe("cancel_requested");
    expect(bob.notices.length).toBeGreaterThan(1);
  });

  test.each([
    "garbage",
    "",
    "null",
    "7",
    '"text"',
    "[]",
    '{"from":"eve","kinds":7}',
    '{"from":"eve","kinds":["launch",null,{}]}',
  ])("that is not one of ours, such as %j, changes nothing", async (payload) => {
    const { ada, bob } = await openPeers();
    await observer.query("select pg_notify('aegra_wake', $1)", [payload]);
    await settle(ada, bob);
    expect([ada.notices, bob.notices]).toEqual([[], []]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });
});

describe("a connection that is cut", () => {
  const cut = (pid: number | undefined) => observer.query("select pg_terminate_backend($1)", [pid]);

  test("is reported once and opened again, and notices pass in both directions", async () => {
    const ada = openPeer(database.url, "ada");
    await until(async () => (await backends()).length === 1);
    const [adas] = await backends();
    const bob = openPeer(database.url, "bob");
    await connected(ada, bob);
    await cut(adas);
    await until(() => ada.errors.length > 0);
    await connected(ada, bob);
    expect(ada.errors.map(({ message }) => message)).toEqual([
      "terminating connection due to administrator command",
    ]);
    expect(bob.errors).toEqual([]);
    expect(await backends()).toHaveLength(2);
  });

  test("while notices are being sent is opened again too, as often as it takes", async () => {
    const { ada, bob } = await openPeers();
    for (let round = 0; round < 3; round++) {
      const [oldest] = await backends();
      ada.send("runs_pending");
      const cutting = cut(oldest);
      for (let turn = 0; turn < 20; turn++) {
        ada.send("runs_pending");
        bob.send("runs_pending");
        await new Promise((resolve) => setImmediate(resolve));
      }
      await cutting;
      await connected(ada, bob);
      expect(await backends()).toHaveLength(2);
    }
    expect(ada.errors.length + bob.errors.length).toBeGreaterThanOrEqual(3);
  });

  test("before it listens is opened again, and none is left behind", async () => {
    const proxy = await openProxy(database.url, { cutAt: ["listen aegra_wake", "listen aegra_wake"] });
    const ada = openPeer(proxy, "ada");
    const bob = openPeer(database.url, "bob");
    await connected(ada, bob);
    expect(ada.errors.map(({ message }) => message)).toEqual([
      "Connection terminated unexpectedly",
      "Connection terminated unexpectedly",
    ]);
    expect(await backends()).toHaveLength(2);
  });
});

describe("closing", () => {
  test("sends what was still to be told, and ends the connection", async () => {
    const { ada, bob } = await openPeers();
    ada.send("runs_pending");
    await ada.close();
    await until(() => bob.notices.length > 0);
    await until(async () => (await backends()).length === 1);
    ada.send("cancel_requested");
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(bob.notices).toEqual(["runs_pending"]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });

  test("works at any moment of opening", async () => {
    for (const waitMs of [0, 1, 2, 4, 8, 16, 32]) {
      const peer = openPeer(database.url, "ada");
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      await peer.close();
      expect(peer.errors).toEqual([]);
    }
    await until(async () => (await backends()).length === 0);
  });

  test("does not wait for a database that cannot be reached, or does not answer", async () => {
    const refusing = openPeer("postgresql://localhost:1/nowhere", "ada");
    await until(() => refusing.errors.length > 0);
    await refusing.close();

    const silent = net.createServer(() => undefined).listen(0, "127.0.0.1");
    await once(silent, "listening");
    onTestFinished(() => void silent.close());
    const waiting = openPeer(`postgresql://127.0.0.1:${portOf(silent)}/nowhere`, "ada");
    await once(silent, "connection");
    await waiting.close();
    expect(waiting.errors).toEqual([]);
  });
});

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

/** Passes everything on to the database, but cuts the first connections as soon as they say these words. */
async function openProxy(databaseUrl: string, { cutAt }: { cutAt: readonly string[] }): Promise<string> {
  const { hostname, port } = new URL(databaseUrl);
  const words = [...cutAt];
  const proxy = net.createServer((client) => {
    const word = words.shift();
    const upstream = net.connect(Number(port), hostname);
    const cut = () => {
      client.destroy();
      upstream.destroy();
    };
    client.on("data", (data) => {
      if (word !== undefined && data.includes(word)) cut();
      else upstream.write(data);
    });
    upstream.on("data", (data) => void client.write(data));
    for (const socket of [client, upstream]) socket.on("error", cut).on("close", cut);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String(portOf(proxy));
  return url.href;
}
