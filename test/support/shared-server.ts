import { beforeAll } from "vitest";
import { type Database, openDatabase } from "../../src/server/persistence/database.ts";
import { createTestDatabase } from "./database.ts";
import { startTestServer, type TestServerOptions } from "./server.ts";

type SharedServer = Pick<Awaited<ReturnType<typeof startTestServer>>, "url" | "client" | "databaseUrl"> & {
  /** The server's database, to look at what it wrote. */
  readonly db: Database;
};

/** One server for all tests of a file, which keep apart by their threads. There to use once tests run. */
export function sharedServer(options: TestServerOptions = {}): SharedServer {
  let shared: SharedServer | null = null;

  beforeAll(async () => {
    const database = await createTestDatabase();
    const server = await startTestServer(database.url, options);
    const db = openDatabase(database.url, { max: 2, onIdleError: () => undefined });
    shared = { url: server.url, client: server.client, databaseUrl: database.url, db };
    return async () => {
      await server.close();
      await db.close();
      await database.drop();
    };
  });

  const started = () => {
    if (shared === null) throw new Error("the shared server starts with the first test");
    return shared;
  };
  return {
    get url() {
      return started().url;
    },
    get client() {
      return started().client;
    },
    get databaseUrl() {
      return started().databaseUrl;
    },
    get db() {
      return started().db;
    },
  };
}
