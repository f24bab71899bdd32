import { once } from "node:events";
import net from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { isDatabaseUnreachable, openDatabase } from "../../../src/server/persistence/database.ts";
import { testDatabaseUrl } from "../../support/database.ts";

/** A way to the database that can fall silent without being closed, like a machine that has lost its power. */
async function openWay(databaseUrl: string) {
  const { hostname, port } = new URL(databaseUrl);
  const ways = new Set<{ isSilent: boolean }>();
  const proxy = net.createServer((client) => {
    const way = { isSilent: false };
    ways.add(way);
    const upstream = net.connect(Number(port), hostname);
    client.on("data", (data) => void (way.isSilent || upstream.write(data)));
    upstream.on("data", (data) => void (way.isSilent || client.write(data)));
    client.on("error", () => undefined).on("close", () => upstream.destroy());
    upstream.on("error", () => undefined).on("close", () => client.destroy());
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  const url = new URL(databaseUrl);
  url.hostname = "127.0.0.1";
  url.port = String((proxy.address() as net.AddressInfo).port);
  return {
    url: url.href,
    /** What is connected falls silent; what connects afterwards does not. */
    silence() {
      for (const way of ways) way.isSilent = true;
    },
  };
}

const opened = async () => {
  const way = await openWay(await testDatabaseUrl());
  const db = openDatabase(way.url, { max: 1, queryTimeoutMs: 300, onIdleError: () => undefined });
  onTestFinished(db.close);
  await db.query("select 1");
  return { ...way, db };
};

const outcomeOf = (work: Promise<unknown>) => work.then(() => "done", isDatabaseUnreachable);

test("a statement on a connection that has fallen silent fails, and the next one has another connection", async () => {
  const { db, silence } = await opened();
  silence();
  expect(await outcomeOf(db.query("select 1"))).toBe(true);
  expect(await outcomeOf(db.query("select 1"))).toBe("done");
});

test("so does a transaction, at its beginning and in its middle", async () => {
  const { db, silence } = await opened();
  silence();
  expect(await outcomeOf(db.transaction((tx) => tx.query("select 1")))).toBe(true);
  const inTheMiddle = db.transaction(async (tx) => {
    await tx.query("select 1");
    silence();
    await tx.query("select 2");
  });
  expect(await outcomeOf(inTheMiddle)).toBe(true);
  expect(await outcomeOf(db.transaction((tx) => tx.query("select 1")))).toBe("done");
});
