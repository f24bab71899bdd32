import process from "node:process";
import { EXIT } from "./errors.ts";

/** What asks this process to stop. */
export interface StopRequests {
  /** Aborted by the first request. */
  readonly signal: AbortSignal;
  /** Resolves with the first request. */
  readonly requested: Promise<void>;
  /** Lets signals end the process at once again. */
  dispose(): void;
}

export interface StopOptions {
  /** Called when one more request comes: the user does not want to wait. Ends the process unless given. */
  readonly onInsist?: (exitCode: number) => void;
  /** Whether closing the terminal is a request too; under nohup it is not to be. */
  readonly hangup?: boolean;
}

/**
 * `npm run` passes the terminal's Ctrl-C on to a process that the terminal has told already: two signals
 * that are this close come from one key.
 */
const ONE_KEY_MS = 500;

/**
 * Takes requests to stop: signals, and, for parents on systems without signals, the message "stop" or the
 * end of the channel that the parent opened.
 */
export function listenForStop({
  onInsist = (exitCode) => process.exit(exitCode),
  hangup = false,
}: StopOptions = {}): StopRequests {
  const first = new AbortController();
  const requested = Promise.withResolvers<void>();
  let requestedAtMs = 0;

  const request = (exitCode: number) => {
    const nowMs = performance.now();
    if (!first.signal.aborted) {
      requestedAtMs = nowMs;
      first.abort(new Error("asked to stop"));
      requested.resolve();
    } else if (nowMs - requestedAtMs > ONE_KEY_MS) {
      onInsist(exitCode);
    }
  };
  const interrupt = () => request(EXIT.interrupted);
  const terminate = () => request(EXIT.terminated);
  const onMessage = (message: unknown) => {
    if (message === "stop") terminate();
  };

  // SIGBREAK is what Windows sends for Ctrl-Break; elsewhere there is no such signal to wait for.
  const interrupts = ["SIGINT", "SIGBREAK", ...(hangup ? ["SIGHUP"] : [])];
  for (const name of interrupts) process.on(name, interrupt);
  process.on("SIGTERM", terminate);
  if (process.connected) process.on("message", onMessage).on("disconnect", terminate);

  return {
    signal: first.signal,
    requested: requested.promise,
    dispose() {
      for (const name of interrupts) process.off(name, interrupt);
      process.off("SIGTERM", terminate);
      process.off("message", onMessage).off("disconnect", terminate);
    },
  };
}
