import { once } from "node:events";
import net from "node:net";
import pg from "pg";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Notice, openNotifications } from "../../../src/server/persistence/notifications.ts";
import { testDatabaseUrl } from "../../support/database.ts";
import { execute } from "../../support/empty-database.ts";

interface Peer {
  readonly notices: Notice["kind"][];
  readonly errors: Error[];
  send(kind: Notice["kind"]): void;
  close(): Promise<void>;
}

/** One server's notifications, closed when the test ends. */
function openPeer(databaseUrl: string, instanceId: string): Peer {
  const notices: Notice["kind"][] = [];
  const errors: Error[] = [];
  const notifications = openNotifications(databaseUrl, {
    instanceId,
    onNotice: ({ kind }) => notices.push(kind),
    onError: (error) => errors.push(error),
  });
  const close = () => notifications[Symbol.asyncDispose]();
  onTestFinished(close);
  return { notices, errors, close, send: (kind) => notifications.send({ kind }) };
}

/** A plain connection to look at the database with. */
async function openObserver(databaseUrl: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

/** Backends that listen, oldest first. */
async function listeners(observer: pg.Client): Promise<number[]> {
  const { rows } = await observer.query<{ pid: number }>(
    `select pid from pg_stat_activity
      where datname = current_database() and application_name = 'aegra notify' and state = 'idle'
        and query not like 'set %'
      order by backend_start`,
  );
  return rows.map(({ pid }) => pid);
}

const waitForListeners = (observer: pg.Client, count: number) =>
  expect.poll(() => listeners(observer), { interval: 10 }).toHaveLength(count);

async function openPeers() {
  const url = await testDatabaseUrl();
  const observer = await openObserver(url);
  const ada = openPeer(url, "ada");
  await waitForListeners(observer, 1);
  const bob = openPeer(url, "bob");
  await waitForListeners(observer, 2);
  return { url, observer, ada, bob };
}

/** Sends a notice through, so that everything sent before has arrived too. */
async function settle(from: Peer, to: Peer): Promise<void> {
  const before = to.notices.length;
  from.send("runs_ended");
  await expect.poll(() => to.notices.length, { interval: 5 }).toBeGreaterThan(before);
  to.notices.splice(to.notices.lastIndexOf("runs_ended"), 1);
}

describe("a notice", () => {
  test("reaches the other servers, and not the one that sent it", async () => {
    const { ada, bob } = await openPeers();
    ada.send("runs_pending");
    await expect.poll(() => bob.notices, { interval: 5 }).toEqual(["runs_pending"]);
    bob.send("cancel_requested");
    await expect.poll(() => ada.notices, { interval: 5 }).toEqual(["cancel_requested"]);
    await settle(ada, bob);
    expect(bob.notices).toEqual(["runs_pending"]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });

  test("is one with all that are sent in the same turn, each kind once", async () => {
    const { observer, ada, bob } = await openPeers();
    const payloads: unknown[] = [];
    observer.on("notification", ({ payload }) => payloads.push(JSON.parse(payload ?? "")));
    await observer.query("listen aegra_wake");

    for (let index = 0; index < 100; index++) ada.send("runs_pending");
    ada.send("cancel_requested");
    await expect.poll(() => bob.notices, { interval: 5 }).toEqual(["runs_pending", "cancel_requested"]);
    await settle(ada, bob);
    await observer.query("select 1");
    expect(payloads).toEqual([
      { from: "ada", kinds: ["runs_pending", "cancel_requested"] },
      { from: "ada", kinds: ["runs_ended"] },
    ]);
  });

  test("that comes while another is on its way is not lost", async () => {
    const { observer, ada, bob } = await openPeers();
    for (let turn = 0; turn < 50; turn++) {
      ada.send(turn % 2 === 0 ? "runs_pending" : "cancel_requested");
      await new Promise((resolve) => setImmediate(resolve));
    }
    ada.send("runs_ended");
    await expect.poll(() => bob.notices.at(-1), { interval: 5 }).toBe("runs_ended");
    expect(new Set(bob.notices)).toEqual(new Set(["runs_pending", "cancel_requested", "runs_ended"]));
    expect(await listeners(observer)).toHaveLength(2);
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
    const { url, ada, bob } = await openPeers();
    await execute(url, `select pg_notify('aegra_wake', '${payload}')`);
    await settle(ada, bob);
    await settle(bob, ada);
    expect([ada.notices, bob.notices]).toEqual([[], []]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });
});

describe("a connection that is cut", () => {
  test("is reported once and opened again, and notices pass in both directions", async () => {
    const { observer, ada, bob } = await openPeers();
    const [adas = 0, bobs = 0] = await listeners(observer);
    await observer.query("select pg_terminate_backend($1)", [adas]);
    await expect.poll(() => listeners(observer), { interval: 10 }).toEqual([bobs, expect.any(Number)]);
    expect(ada.errors.map(({ message }) => message)).toEqual([
      "terminating connection due to administrator command",
    ]);
    expect(bob.errors).toEqual([]);

    ada.send("runs_pending");
    await expect.poll(() => bob.notices, { interval: 5 }).toEqual(["runs_pending"]);
    bob.send("cancel_requested");
    await expect.poll(() => ada.notices, { interval: 5 }).toEqual(["cancel_requested"]);
  });

  test("while notices are being sent loses some at most", async () => {
    const { observer, ada, bob } = await openPeers();
    for (let round = 0; round < 3; round++) {
      const [pid] = (await listeners(observer)).slice(round === 0 ? 0 : 1);
      ada.send("runs_pending");
      const cut = observer.query("select pg_terminate_backend($1)", [pid]);
      for (let turn = 0; turn < 20; turn++) {
        ada.send("runs_pending");
        await new Promise((resolve) => setImmediate(resolve));
      }
      await cut;
      await waitForListeners(observer, 2);
    }
    bob.notices.length = 0;
    ada.send("cancel_requested");
    await expect.poll(() => bob.notices.at(-1), { interval: 5 }).toBe("cancel_requested");
  });

  test("before it listens is opened again", async () => {
    const url = await testDatabaseUrl();
    const observer = await openObserver(url);
    const proxy = await openProxy(url, { cutAt: ["synchronous_commit", "listen aegra_wake"] });
    const ada = openPeer(proxy, "ada");
    await waitForListeners(observer, 1);
    expect(ada.errors.map(({ message }) => message)).toEqual([
      "Connection terminated unexpectedly",
      "Connection terminated unexpectedly",
    ]);
    const bob = openPeer(url, "bob");
    await waitForListeners(observer, 2);
    bob.send("runs_pending");
    await expect.poll(() => ada.notices, { interval: 5 }).toEqual(["runs_pending"]);
    expect(await backends(observer), "none is left behind").toBe(2);
  });
});

describe("closing", () => {
  test("sends what was still to be told, and ends the connection", async () => {
    const { observer, ada, bob } = await openPeers();
    ada.send("runs_pending");
    await ada.close();
    await expect.poll(() => bob.notices, { interval: 5 }).toEqual(["runs_pending"]);
    await expect.poll(() => backends(observer), { interval: 10 }).toBe(1);
    ada.send("cancel_requested");
    await settleAlone(bob);
    expect(bob.notices).toEqual(["runs_pending"]);
    expect([ada.errors, bob.errors]).toEqual([[], []]);
  });

  test("works at any moment of opening", async () => {
    const url = await testDatabaseUrl();
    const observer = await openObserver(url);
    for (const waitMs of [0, 1, 2, 4, 8, 16, 32]) {
      const peer = openPeer(url, "ada");
      if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
      await peer.close();
      expect(peer.errors).toEqual([]);
    }
    await expect.poll(() => backends(observer), { interval: 10 }).toBe(0);
  });

  test("does not wait for a database that cannot be reached, or does not answer", async () => {
    const refusing = openPeer("postgresql://localhost:1/nowhere", "ada");
    await expect.poll(() => refusing.errors.length, { interval: 5 }).toBe(1);
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

const settleAlone = (_peer: Peer) => new Promise((resolve) => setTimeout(resolve, 50));

/** Connections of servers, listening or not. */
async function backends(observer: pg.Client): Promise<number> {
  const { rows } = await observer.query(
    `select 1 from pg_stat_activity
      where datname = current_database() and application_name = 'aegra notify'`,
  );
  return rows.length;
}

const portOf = (server: net.Server): number => (server.address() as net.AddressInfo).port;

/** Passes everything on to the database, but cuts the first connections as soon as they say these words. */
async function openProxy(databaseUrl: string, { cutAt }: { cutAt: readonly string[] }): Promise<string> {
  const url = new URL(databaseUrl);
  const words = [...cutAt];
  const proxy = net.createServer((client) => {
    const word = words.shift();
    const upstream = net.connect(Number(url.port), url.hostname);
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
  url.hostname = "127.0.0.1";
  url.port = String(portOf(proxy));
  return url.href;
}
