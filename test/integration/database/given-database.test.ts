import { createServer, type Server } from "node:net";
import { expect, inject, onTestFinished, test } from "vitest";
import { openDevDatabase } from "../../../src/database/open-dev-database.ts";
import { makeProject, query } from "../../support/dev-project.ts";

const open = async (databaseUrl: string) =>
  openDevDatabase({ projectRoot: await makeProject(), databaseUrl });

/** The refusal, after making sure that no part of it holds the password. */
async function refusal(url: string, password: string): Promise<{ message: string; suggestions: string[] }> {
  const error = await open(url).then(
    () => expect.unreachable("the database was opened"),
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({
    name: "DatabaseError",
    suggestions: expect.arrayContaining([expect.any(String)]),
  });
  const { message, suggestions } = error as { message: string; suggestions: string[] };
  expect(JSON.stringify([message, suggestions])).not.toContain(password);
  return { message, suggestions };
}

const serverUrl = (change: (url: URL) => void): URL => {
  const url = new URL(inject("databaseServerUrl"));
  change(url);
  return url;
};

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

test("a URL is used as it is, and the server goes on after the database is closed", async () => {
  const url = inject("databaseServerUrl");
  const database = await open(url);
  expect(database).toMatchObject({ url, kind: "url" });
  expect(database.description).toMatch(/^Postgres \d+\.\d+ at .*:\d+, database "/);
  expect(database.description).not.toContain(new URL(url).password);

  await database[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
  expect(await query(url, "select 1 as one")).toEqual([{ one: 1 }]);
});

test("two may use the same URL at once", async () => {
  const options = { projectRoot: await makeProject(), databaseUrl: inject("databaseServerUrl") };
  await using _first = await openDevDatabase(options);
  await using _second = await openDevDatabase(options);
});

test("a port where nothing listens is named as refused", async () => {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  const { message } = await refusal(`postgres://me:s3cret@127.0.0.1:${port}/mine`, "s3cret");
  expect(message).toContain("refused");
  expect(message).toContain(`127.0.0.1:${port}, database "mine"`);
});

test("a host that does not resolve is named", async () => {
  const { message } = await refusal("postgres://me:s3cret@nowhere.invalid:5432/mine", "s3cret");
  expect(message).toContain("nowhere.invalid does not resolve");
});

test("a wrong password is named as such", async () => {
  const url = serverUrl((it) => {
    it.password = "s3cret";
  });
  const { message } = await refusal(url.href, "s3cret");
  expect(message).toContain(`refused the password of user "${url.username}"`);
});

test("a missing password is named as such", async () => {
  const url = serverUrl((it) => {
    it.password = "";
  });
  const { message } = await refusal(url.href, new URL(inject("databaseServerUrl")).password);
  expect(message).toContain("has none");
});

test("a database that does not exist is named, with the command that creates it", async () => {
  const url = serverUrl((it) => {
    it.pathname = "/not_there";
  });
  const { message, suggestions } = await refusal(url.href, url.password);
  expect(message).toContain('"not_there" does not exist');
  expect(suggestions.join()).toContain("createdb");
});

test("something that is not Postgres is told apart from nothing", async () => {
  const port = await listen(createServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n")));
  const { message } = await refusal(`postgres://me:s3cret@127.0.0.1:${port}/mine`, "s3cret");
  expect(message).toContain("cannot be used");
});

test.each(["not a url s3cret", "mysql://me:s3cret@host/mine", "postgres://me:s3cret@host:port/mine"])(
  "%j is refused without being quoted",
  async (url) => {
    const { message } = await refusal(url, "s3cret");
    expect(message).toContain("not a Postgres URL");
  },
);
