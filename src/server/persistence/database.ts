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
  /**
   * Told once that what lies between here and Postgres does not keep prepared statements. From then on none are made.
   */
  readonly onPreparedLost?: () => void;
  /** Told of a connection that broke while nobody was using it. */
  readonly onIdleError: (error: Error) => void;
  /** After how long a statement counts as failed, and its connection as broken. Never unless given. */
  readonly queryTimeoutMs?: number;
  /** After how long a connection that nobody uses is closed; 0 keeps it. 10 seconds unless given. */
  readonly idleTimeoutMs?: number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const KEEP_ALIVE_MS = 10_000;

export function openDatabase(
  connectionString: string,
  {
    max,
    preparesStatements = true,
    onPreparedLost,
    onIdleError,
    queryTimeoutMs,
    idleTimeoutMs,
  }: DatabaseOptions,
): Database {
  const pool = new pg.Pool({
    connectionString,
    max,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    application_name: "aegra",
    // The other side may be gone without a word, as when its machine is.
    keepAlive: true,
    keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
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
  let prepares = preparesStatements;
  const onPreparedError = () => {
    if (prepares) onPreparedLost?.();
    prepares = false;
  };
  pool.on("connect", (client) => watchNames(client, { areUsed: () => prepares, onPreparedError }));

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
        // What is said to somebody who does not answer would not be answered either.
        if (isSilence(error)) broken = error as Error;
        else {
          await client.query("rollback").catch((cause: Error) => {
            broken = cause;
          });
        }
        // After a failover, the way to the new primary begins with a new connection.
        if (hasSqlState(error, READ_ONLY)) broken ??= error as Error;
        throw error;
      } finally {
        client.release(broken);
      }
    },
  };
}

interface NameOptions {
  readonly areUsed: () => boolean;
  readonly onPreparedError: () => void;
}

/** Here and not where statements are made: LangGraph's saver has some too. */
function watchNames(client: pg.PoolClient, { areUsed, onPreparedError }: NameOptions): void {
  client.connection.on("errorMessage", ({ code }: pg.DatabaseError) => {
    if (code !== undefined && PREPARED_LOST.has(code)) onPreparedError();
  });
  const query = client.query.bind(client) as (statement: unknown, ...rest: unknown[]) => unknown;
  const queryAsAllowed = (statement: unknown, ...rest: unknown[]) =>
    query(
      !areUsed() && typeof statement === "object" && statement !== null && "text" in statement
        ? { ...statement, name: undefined }
        : statement,
      ...rest,
    );
  client.query = queryAsAllowed as typeof client.query;
}

/** SQLSTATEs; see “PostgreSQL Error Codes” in the Postgres manual. */
export const UNIQUE_VIOLATION = "23505";
export const DEADLOCK_DETECTED = "40P01";

export const hasSqlState = (error: unknown, state: string): boolean =>
  error instanceof pg.DatabaseError && error.code === state;

/** Read-only: a standby, or a primary that is being replaced. */
const READ_ONLY = "25006";

/** A prepared statement is not there, or is there although this connection has not made it. */
const PREPARED_LOST: ReadonlySet<string> = new Set(["26000", "42P05"]);

/** Nothing that is wrong with the statement: it may go well the next time. */
const PASSING: ReadonlySet<string> = new Set([
  READ_ONLY,
  DEADLOCK_DETECTED,
  "40001", // serialization_failure
  "55P03", // lock_not_available: lock_timeout
  "57014", // query_canceled: statement_timeout
  ...PREPARED_LOST, // from then on none are prepared
]);

/** Of the system, below Postgres. */
const NETWORK_ERRORS: ReadonlySet<string> = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "EPIPE",
  "ETIMEDOUT",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

/** Whether the database cannot do anything at the moment, or not this, as opposed to refusing a statement for good. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (error instanceof MemoryUnavailable) return true;
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnavailable);
  return isDatabaseUnreachable(error) || (error instanceof pg.DatabaseError && PASSING.has(error.code ?? ""));
}

/**
 * Whether there is no connection to the database, or none any more.
 * Classes: 08 connection, 28 login, 3D no such database, 53 resources, 57P shutdown. Whatever ends a connection is FATAL, also what a pooler says by
 * itself, which has 08P01 for everything; in an ERROR that is a message we got wrong.
 */
export function isDatabaseUnreachable(error: unknown): boolean {
  if (error instanceof AggregateError) return error.errors.some(isDatabaseUnreachable);
  if (error instanceof pg.DatabaseError) {
    return error.severity === "FATAL" || /^(08(?!P01)|25P0[34]|28|3D|53|57P)/.test(error.code ?? "");
  }
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined) return NETWORK_ERRORS.has(code);
  if (isSilence(error)) return true;
  // node-postgres gives these no code; the texts are those of pg 8.
  return /^(Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error)/.test(
    error.message,
  );
}

/** Whether a statement took longer than `queryTimeoutMs`. */
const isSilence = (error: unknown): boolean =>
  error instanceof Error && error.message === "Query read timeout";

/** Whether the database is to blame: it refused a statement, or could not be reached. */
export const isDatabaseError = (error: unknown): boolean =>
  error instanceof pg.DatabaseError || isDatabaseUnavailable(error);

/** Unwraps a statement that must touch exactly one row. Anything else is a bug, not a user error. */
export function only<T>(rows: readonly T[]): T {
  const [row] = rows;
  if (row === undefined || rows.length !== 1) throw new Error(`expected one row, got ${rows.length}`);
  return row;
}
