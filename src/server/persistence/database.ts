import pg from "pg";
import { MemoryUnavailable } from "../domain/memory-unavailable.ts";

/** Anything that can run one statement: the pool, or a client inside a transaction. */
export type Queryable = Pick<pg.Pool, "query">;

export interface Database extends Queryable {
  /**
   * Runs `work` in one transaction. Commits when it resolves, rolls back when it throws.
   * A connection that breaks mid-way is dropped from the pool, not returned to it.
   */
  transaction<T>(work: (tx: Queryable) => Promise<T>): Promise<T>;
  /** The pool itself, for LangGraph's saver, which takes nothing less. */
  readonly pool: pg.Pool;
  close(): Promise<void>;
}

export interface DatabaseOptions {
  /** Most connections held at once. */
  readonly max: number;
  /**
   * Whether statements that have a name are prepared, once a connection. Poolers between here and Postgres that give
   * each transaction another connection have to know of that.
   */
  readonly preparesStatements?: boolean;
  /** Told of a connection that broke while nobody was using it. */
  readonly onIdleError: (error: Error) => void;
  /** After how long a statement counts as failed, and its connection as broken. Never unless given. */
  readonly queryTimeoutMs?: number;
  /** After how long a connection that nobody uses is closed; 0 keeps it. 10 seconds unless given. */
  readonly idleTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;

export function openDatabase(
  connectionString: string,
  { max, preparesStatements = true, onIdleError, queryTimeoutMs, idleTimeoutMs }: DatabaseOptions,
): Database {
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "aegra",
    ...(queryTimeoutMs !== undefined && { query_timeout: queryTimeoutMs }),
    ...(idleTimeoutMs !== undefined && { idleTimeoutMillis: idleTimeoutMs }),
  });
  // Without listeners, a server restart that cuts a connection would end the whole process. Of one that is in use,
  // the statement it breaks or the next one says so.
  pool.on("error", (error) => {
    // The pool puts the whole client on it, which would fill the log.
    Reflect.deleteProperty(error, "client");
    onIdleError(error);
  });
  pool.on("connect", (client) => client.on("error", () => undefined));
  if (!preparesStatements) pool.on("connect", ignoreNames);

  return {
    pool,
    query: pool.query.bind(pool),
    close: () => pool.end(),

    async transaction(work) {
      const client = await pool.connect();
      let broken: Error | undefined;
      try {
        await client.query("begin");
        const result = await work(client);
        await client.query("commit");
        return result;
      } catch (error) {
        await client.query("rollback").catch((cause: Error) => {
          broken = cause;
        });
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

/** Here and not where statements are made: LangGraph's saver has some too. */
function ignoreNames(client: pg.PoolClient): void {
  const query = client.query.bind(client) as (statement: unknown, ...rest: unknown[]) => unknown;
  const queryUnnamed = (statement: unknown, ...rest: unknown[]) =>
    query(
      typeof statement === "object" && statement !== null && "text" in statement && "name" in statement
        ? { ...statement, name: undefined }
        : statement,
      ...rest,
    );
  client.query = queryUnnamed as typeof client.query;
}

/** SQLSTATEs; see “PostgreSQL Error Codes” in the Postgres manual. */
export const UNIQUE_VIOLATION = "23505";
export const DEADLOCK_DETECTED = "40P01";

export const hasSqlState = (error: unknown, state: string): boolean =>
  error instanceof pg.DatabaseError && error.code === state;

/**
 * Whether the database could not be reached or is going away, as opposed to refusing a statement.
 * Classes: 08 connection, without 08P01, which is a message we got wrong, 53 resources, 57P shutdown,
 * 25006 read-only after a failover.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof MemoryUnavailable) return true;
  if (error instanceof pg.DatabaseError) return /^(08(?!P01)|53|57P|25006)/.test(error.code ?? "");
  if (!(error instanceof Error)) return false;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined)
    return ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND"].includes(code);
  // node-postgres gives these no code; the texts are those of pg 8.
  return /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
    error.message,
  );
}

/** Whether the database is to blame: it refused a statement, or could not be reached. */
export const isDatabaseError = (error: unknown): boolean =>
  error instanceof pg.DatabaseError || isDatabaseUnavailable(error);

/** Unwraps a statement that must touch exactly one row. Anything else is a bug, not a user error. */
export function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined || rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
  return row;
}
