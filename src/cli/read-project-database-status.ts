import type { DatabaseStatus } from "../server/upgrade-database.ts";
import { type DatabaseRequest, withProjectDatabase } from "./with-project-database.ts";

/** What the project's database has and lacks. @throws as `withProjectDatabase` does */
export const readProjectDatabaseStatus = (request: DatabaseRequest): Promise<DatabaseStatus> =>
  withProjectDatabase(request, async (databaseUrl) => {
    const { readDatabaseStatus } = await import("../server/upgrade-database.ts");
    return readDatabaseStatus(databaseUrl);
  });
