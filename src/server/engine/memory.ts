import { PostgresSaver } from "@langchain/langgraph-checkpoint-postgres";
import { PostgresStore } from "@langchain/langgraph-checkpoint-postgres/store";
import { HoldingSaver } from "./holding-saver.ts";
import { TolerantSerializer } from "./serializer.ts";

type Pool = ConstructorParameters<typeof PostgresSaver>[0];

/**
 * LangGraph's checkpoints, on the server's own connections.
 * @param isOutage whether an error says that the database is away
 */
export const createCheckpointer = (pool: Pool, isOutage: (error: unknown) => boolean): HoldingSaver =>
  new HoldingSaver(pool, new TolerantSerializer(), isOutage);

/** Creates or upgrades LangGraph's tables. Not safe to run twice at once: take the migration lock. */
export async function migrateLangGraphTables(pool: Pool, databaseUrl: string): Promise<void> {
  await new PostgresSaver(pool).setup();
  const store = new PostgresStore({ connectionOptions: { connectionString: databaseUrl, max: 1 } });
  try {
    await store.setup();
  } finally {
    await store.stop();
  }
}
