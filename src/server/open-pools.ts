import type { Logger } from "pino";
import type { Environment } from "../config/environment.ts";
import type { ClosingStack } from "./closing-stack.ts";
import { type Database, openDatabase } from "./persistence/database.ts";

export interface PoolOptions {
  readonly databaseUrl: string;
  readonly environment: Environment;
  readonly log: Logger;
}

export interface Pools {
  /** For the server's own rows. */
  readonly db: Database;
  /** For LangGraph's checkpoints alone; see docs/decisions/0007. */
  readonly checkpoints: Database;
}

/**
 * Longer than anything takes that is asked of the database. A machine that vanishes, as in a failover, leaves
 * connections that the system would wait on for a quarter of an hour.
 */
const SILENCE_TIMEOUT_MS = 120_000;

const PREPARED_LOST = {
  effect: "This server prepares none from now on. What was refused meanwhile has to be asked for again.",
  remedy:
    "DATABASE_URL seems to lead to a pooler. Set AEGRA_PREPARED_STATEMENTS=false, or let the pooler keep them: max_prepared_statements of PgBouncer 1.21 or later.",
};

/** The connections of a process, half of them for each of its two needs. */
export function openPools(started: ClosingStack, { databaseUrl, environment, log }: PoolOptions): Pools {
  let isTold = false;
  const open = (max: number): Database => {
    const db = openDatabase(databaseUrl, {
      max,
      queryTimeoutMs: SILENCE_TIMEOUT_MS,
      preparesStatements: environment.preparesStatements,
      onPreparedLost() {
        if (!isTold) log.error(PREPARED_LOST, "prepared statements get lost");
        isTold = true;
      },
      onIdleError: (error) => log.warn({ err: error }, "idle database connection lost"),
    });
    started.defer(db.close);
    return db;
  };
  const size = Math.ceil(environment.poolSize / 2);
  return { db: open(size), checkpoints: open(Math.max(1, environment.poolSize - size)) };
}
