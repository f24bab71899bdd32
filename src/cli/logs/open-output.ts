import type { Writable } from "node:stream";

export interface Output {
  /** Resolves when more may be written. */
  write(text: string): Promise<void>;
  /** Aborted when nobody reads any more. */
  readonly closed: AbortSignal;
}

/**
 * Writes no faster than it is read, so that a slow reader does not fill the memory.
 * That a reader leaves, as `head` does, is no error: it has what it wants.
 *
 * @param signal ends waiting for a reader
 */
export function openOutput(stream: Writable, signal: AbortSignal): Output {
  const closed = new AbortController();
  stream.on("error", (error: NodeJS.ErrnoException) => {
    closed.abort();
    if (error.code !== "EPIPE") throw error;
  });
  const ended = AbortSignal.any([signal, closed.signal]);
  return {
    closed: closed.signal,
    write(text) {
      if (closed.signal.aborted || stream.write(text)) return Promise.resolve();
      return new Promise((resolve) => {
        const done = () => {
          stream.off("drain", done);
          ended.removeEventListener("abort", done);
          resolve();
        };
        stream.once("drain", done);
        ended.addEventListener("abort", done, { once: true });
        if (ended.aborted) done();
      });
    },
  };
}
