import type { DockerEngine } from "../engine.ts";
import { DockerError, hasStatus, toReason } from "../errors.ts";
import { type LogLine, readLogLines } from "./read-log-lines.ts";

/** Which lines of a container's log are wanted. */
export interface LogQuery {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** Seconds and nanoseconds since the epoch, `1763846980.000000000`; null: from the beginning. */
  readonly since: string | null;
  readonly until: string | null;
  /** The last so many. */
  readonly tail: number | "all";
}

/** The log of this container cannot be read, and never could. */
export class UnreadableLogError extends DockerError {
  override readonly name = "UnreadableLogError";
}

/**
 * Reads the log of a container.
 *
 * @param query.follow whether to go on until the container stops
 * @throws UnreadableLogError when the container's log driver keeps nothing that could be read
 */
export async function* readLogs(
  docker: DockerEngine,
  id: string,
  query: LogQuery & { readonly follow: boolean; readonly isTerminal: boolean; readonly signal: AbortSignal },
): AsyncGenerator<LogLine> {
  const { stdout, stderr, since, until, tail, follow, isTerminal, signal } = query;
  const options = {
    ...{ follow, stdout, stderr, timestamps: true, tail },
    ...(since !== null && { since }),
    ...(until !== null && { until }),
  };
  yield* readLogLines(await openStream(docker, `/containers/${id}/logs?`, options, signal), isTerminal);
}

/**
 * Opens an answer that goes on. The library's own functions read an answer that ends into memory first, and one of a
 * terminal as JSON where it looks like it.
 */
export async function openStream(
  docker: DockerEngine,
  path: string,
  options: object,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const request = {
    ...{ path, method: "GET", isStream: true, abortSignal: signal },
    statusCodes: { 200: true, 404: "no such container", 500: "server error", 501: "not implemented" },
    options: { ...options },
  };
  try {
    return await new Promise<AsyncIterable<Buffer>>((resolve, reject) => {
      docker.modem.dial(request as never, (error: unknown, answer: unknown) => {
        if (error) return reject(error as Error);
        const stream = answer as NodeJS.ReadableStream & AsyncIterable<Buffer>;
        // Ending it on purpose is an error of the stream too, which nobody may be reading at that moment.
        stream.on("error", () => undefined);
        resolve(stream);
      });
    });
  } catch (error) {
    if (error instanceof Error && (hasStatus(error, 501) || /does not support reading/.test(error.message))) {
      throw new UnreadableLogError(toReason(error), [], error);
    }
    throw error;
  }
}
