/** Told after a commit that other parts of the server, or other servers, have something to do. */
export interface WakeUps {
  /** There is a new run to execute. */
  runsPending(): void;
  /** Someone wants these running runs to stop. */
  cancelRequested(runIds: readonly string[]): void;
  /** These runs have ended, and whoever waits for them elsewhere should look. */
  runsEnded(runIds: readonly string[]): void;
}
